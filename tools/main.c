/* main.c - the program samsa; tool.c has all of it that is not the process. Part of the seam. */
#include "broker/base/log.h"
#include "broker/reactor/sys.h"
#include "tools/command.h"

#include <locale.h>

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	sys_log_to(2);
	sys_log_set_level(NULL, LOG_WARN);
	return command_main(argc, argv);
}

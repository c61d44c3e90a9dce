/* sys_linux.c - the seam to the kernel. */
typedef int sys_linux_is_not_empty;

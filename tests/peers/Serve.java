// Runs many of Kafka's commands in one JVM, because each JVM costs seconds to start.
// stdin, one line a command: the file it reads as its stdin (or -), its class and its arguments, parted by \x1f.
// stdout, for each: a line "STATUS LENGTH OUT" and LENGTH bytes, what the command printed on both its outputs, then OUT
// bytes, what of it went to standard output.
import java.io.*;
import java.lang.reflect.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.common.utils.Exit;

public class Serve {
    // A command runs in a thread of its own. One that asks for the end of the JVM is left there for good: an exception
    // thrown at it would meet its own catch of everything.
    static class Command extends Thread {
        final String[] words;
        final CountDownLatch ended = new CountDownLatch(1);
        final List<Runnable> hooks = Collections.synchronizedList(new ArrayList<>());    // to run at the JVM's end
        volatile int status = 1;

        Command(String[] words) {
            this.words = words;
            setDaemon(true);
        }

        @Override public void run() {
            try {
                Class<?> command = Class.forName(words[1]);
                reset(command);
                command.getMethod("main", String[].class).invoke(null, (Object) Arrays.copyOfRange(words, 2, words.length));
                status = 0;
            } catch (InvocationTargetException e) {
                e.getCause().printStackTrace();
            } catch (Throwable e) {
                e.printStackTrace();
            }
            ended.countDown();
        }

        void end(int code) {
            status = code;
            ended.countDown();
            while (true) LockSupport.park();
        }
    }

    static volatile Command running;

    // The console consumer counts its messages in a static that it never resets.
    static void reset(Class<?> command) throws Exception {
        for (Field f : command.getDeclaredFields())
            if (f.getName().equals("messageCount") && Modifier.isStatic(f.getModifiers())) {
                f.setAccessible(true);
                f.setInt(null, 0);
            }
    }

    static int run(String[] words) throws Exception {
        try (InputStream in = words[0].equals("-") ? InputStream.nullInputStream() : new FileInputStream(words[0])) {
            System.setIn(in);
            running = new Command(words);
            running.start();
            running.ended.await();
            running.hooks.forEach(Runnable::run);
            return running.status;
        }
    }

    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream answers = System.out;
        ByteArrayOutputStream said = new ByteArrayOutputStream();      // synchronized; Scala keeps the first it sees
        ByteArrayOutputStream plain = new ByteArrayOutputStream();
        PrintStream err = new PrintStream(said, true, StandardCharsets.UTF_8);
        PrintStream out = new PrintStream(new OutputStream() {
            @Override public void write(int b) {
                said.write(b);
                plain.write(b);
            }

            @Override public void write(byte[] b, int from, int n) {
                said.write(b, from, n);
                plain.write(b, from, n);
            }
        }, true, StandardCharsets.UTF_8);
        System.setOut(out);
        System.setErr(err);
        Exit.setExitProcedure((code, message) -> running.end(code));
        Exit.setHaltProcedure((code, message) -> running.end(code));
        Exit.setShutdownHookAdder((name, hook) -> running.hooks.add(hook));
        for (String line; (line = lines.readLine()) != null; ) {
            said.reset();
            plain.reset();
            int code = run(line.split("\u001f", -1));
            out.flush();
            err.flush();
            answers.print(code + " " + said.size() + " " + plain.size() + "\n");
            said.writeTo(answers);
            plain.writeTo(answers);
            answers.flush();
        }
    }
}

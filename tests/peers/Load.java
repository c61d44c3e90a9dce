// Produces numbered records until its standard input closes:  Load CONFIG TOPIC PARTITIONS RECORDS_PER_SECOND
// Prints "ack PARTITION NUMBER OFFSET" for each that was acknowledged and "lost PARTITION NUMBER why" for each
// that was not; the numbers of one partition count from 0. At the end: "sent N pause MS", the second number being
// the longest time between two acknowledgements.
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Load {
    static PrintStream out;
    static final AtomicBoolean stop = new AtomicBoolean();

    static void watch(InputStream in) {
        try { while (in.read() >= 0) { } } catch (IOException e) { /* closed is closed */ }
        stop.set(true);
    }

    static long last_ack, pause;

    static synchronized void report(int partition, long number, RecordMetadata where, Exception why) {
        long now = System.nanoTime();
        if (last_ack != 0) pause = Math.max(pause, now - last_ack);
        last_ack = now;
        if (why == null) out.println("ack " + partition + " " + number + " " + where.offset());
        else out.println("lost " + partition + " " + number + " " + why);
    }

    static byte[] value(int partition, long number) {
        return (partition + " " + number + " " + "x".repeat((int) (number * 37 % 400))).getBytes(StandardCharsets.US_ASCII);
    }

    public static void main(String[] args) throws Exception {
        out = new PrintStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16), false);
        Properties config = new Properties();
        try (FileInputStream in = new FileInputStream(args[0])) { config.load(in); }
        int partitions = Integer.parseInt(args[2]);
        long rate = Long.parseLong(args[3]), sent = 0, start = System.nanoTime();
        new Thread(() -> watch(System.in)) {{ setDaemon(true); start(); }};
        try (KafkaProducer<byte[], byte[]> producer =
                 new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            while (!stop.get()) {
                int partition = (int) (sent % partitions);
                long number = sent / partitions;
                producer.send(new ProducerRecord<>(args[1], partition, null, value(partition, number)),
                    (where, why) -> report(partition, number, where, why));
                sent++;
                long ahead_ns = sent * 1_000_000_000L / rate - (System.nanoTime() - start);
                if (ahead_ns > 2_000_000) Thread.sleep(ahead_ns / 1_000_000);
            }
        }
        out.println("sent " + sent + " pause " + pause / 1_000_000);
        out.flush();
    }
}

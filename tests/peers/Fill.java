// Fills a topic with records of every shape, the same ones each time:  Fill CONFIG TOPIC PARTITIONS COUNT
// CONFIG is a file of producer properties. Keys and values may be null or empty; headers may repeat a name.
import java.io.FileInputStream;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Fill {
    static final String[] CODECS = {"none", "gzip", "snappy", "lz4", "zstd"};

    static byte[] bytes(Random random, int shape, int most) {
        if (shape == 0) return null;
        if (shape == 1) return new byte[0];
        byte[] b = new byte[1 + random.nextInt(most)];
        if (shape == 2) random.nextBytes(b);
        else Arrays.fill(b, (byte) ('a' + random.nextInt(26)));
        return b;
    }

    static ProducerRecord<byte[], byte[]> record(Random random, String topic, int partition, int i) {
        RecordHeaders headers = new RecordHeaders();
        for (int h = random.nextInt(4); h > 0; h--)
            headers.add(h % 2 == 0 ? "same" : "größe-" + h, bytes(random, random.nextInt(4), 50));
        byte[] key = random.nextInt(3) == 0 ? null : ("key-" + random.nextInt(100)).getBytes(StandardCharsets.UTF_8);
        long time = 1_700_000_000_000L + i * 10L + random.nextInt(5);
        return new ProducerRecord<>(topic, partition, time, key, bytes(random, random.nextInt(8), 2000), headers);
    }

    public static void main(String[] args) throws Exception {
        int partitions = Integer.parseInt(args[2]), count = Integer.parseInt(args[3]);
        for (int c = 0; c < CODECS.length; c++) {
            Properties config = new Properties();
            try (FileInputStream in = new FileInputStream(args[0])) { config.load(in); }
            config.put("compression.type", CODECS[c]);
            config.putIfAbsent("linger.ms", "5");
            Random random = new Random(c);
            try (KafkaProducer<byte[], byte[]> producer =
                     new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
                for (int i = 0; i < count / CODECS.length; i++)
                    producer.send(record(random, args[1], i % partitions, i));
            }
        }
    }
}

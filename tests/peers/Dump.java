// Prints every record of a topic, one a line, in order of partition and offset:  Dump CONFIG TOPIC
// partition, offset, timestamp type, timestamp, leader epoch or -, key, headers, length and CRC-32C of the value
import java.io.FileInputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import java.util.zip.CRC32C;

public class Dump {
    static String hex(byte[] b) { return b == null ? "null" : '"' + HexFormat.of().formatHex(b) + '"'; }

    static String sum(byte[] b) {
        if (b == null) return "null";
        CRC32C crc = new CRC32C();
        crc.update(b, 0, b.length);
        return b.length + ":" + Long.toHexString(crc.getValue());
    }

    static String line(ConsumerRecord<byte[], byte[]> r) {
        StringJoiner headers = new StringJoiner(",", "[", "]");
        for (Header h : r.headers()) headers.add(h.key() + "=" + hex(h.value()));
        return r.partition() + " " + r.offset() + " " + r.timestampType() + " " + r.timestamp() + " "
            + r.leaderEpoch().map(String::valueOf).orElse("-") + " " + hex(r.key()) + " " + headers + " " + sum(r.value());
    }

    static void partition(KafkaConsumer<byte[], byte[]> consumer, TopicPartition tp, PrintStream out) {
        consumer.assign(List.of(tp));
        consumer.seekToBeginning(List.of(tp));
        long end = consumer.endOffsets(List.of(tp)).get(tp);
        while (consumer.position(tp) < end)
            for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofSeconds(1))) out.println(line(r));
    }

    public static void main(String[] args) throws Exception {
        Properties config = new Properties();
        try (FileInputStream in = new FileInputStream(args[0])) { config.load(in); }
        try (KafkaConsumer<byte[], byte[]> consumer =
                 new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<PartitionInfo> partitions = new ArrayList<>(consumer.partitionsFor(args[1]));
            partitions.sort(Comparator.comparingInt(PartitionInfo::partition));
            for (PartitionInfo p : partitions) partition(consumer, new TopicPartition(args[1], p.partition()), System.out);
        }
    }
}

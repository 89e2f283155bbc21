// Apache Kafka's own Java client as an interop client; see ../../README.md.
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

public class Client {
    static byte[] utf8(String s) { return s.getBytes(StandardCharsets.UTF_8); }

    static void produce(String bootstrap, String topic, String file, String codec, String acks) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("acks", acks);
        p.put("enable.idempotence", acks.equals("all"));
        p.put("compression.type", codec);
        p.put("linger.ms", 5);
        p.put("batch.size", 131072);
        byte[] data = Files.readAllBytes(Path.of(file));
        List<Future<RecordMetadata>> futures = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (int n = 0, pos = 0; pos < data.length; n++, pos += 1000) {
                ProducerRecord<byte[], byte[]> r = new ProducerRecord<>(topic, 0, 1700000000000L + n, utf8("k" + n),
                    Arrays.copyOfRange(data, pos, Math.min(pos + 1000, data.length)));
                r.headers().add("n", utf8("" + n));
                futures.add(producer.send(r));
            }
            producer.flush();
            for (int n = 0; n < futures.size(); n++) {
                long offset = futures.get(n).get().offset();
                if (!acks.equals("0") && offset != n) throw new IllegalStateException("record " + n + " got offset " + offset);
            }
        }
    }

    static void field(MessageDigest h, byte[] bytes) {
        h.update(ByteBuffer.allocate(4).putInt(bytes.length).array());
        h.update(bytes);
    }

    static void consume(String bootstrap, String topic, int count) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", false);
        p.put("isolation.level", "read_committed");
        MessageDigest h = MessageDigest.getInstance("SHA-256");
        int n = 0;
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            TopicPartition tp = new TopicPartition(topic, 0);
            consumer.assign(List.of(tp));
            consumer.seekToBeginning(List.of(tp));
            long deadline = System.currentTimeMillis() + 60000;
            while (n < count && System.currentTimeMillis() < deadline)
                for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofSeconds(1))) {
                    field(h, r.key());
                    field(h, r.value());
                    field(h, r.headers().lastHeader("n").value());
                    h.update(ByteBuffer.allocate(8).putLong(r.timestamp()).array());
                    n++;
                }
        }
        System.out.println("count=" + n + " sha256=" + HexFormat.of().formatHex(h.digest()));
    }

    public static void main(String[] a) throws Exception {
        if (a[0].equals("produce")) produce(a[1], a[2], a[3], a[4], a[5]);
        else consume(a[1], a[2], Integer.parseInt(a[3]));
    }
}

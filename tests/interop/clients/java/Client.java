// Apache Kafka's own Java client as an interop client; see ../../README.md.
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
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

    /** One line when what is assigned changes, one for each record; commits after each poll. */
    static void group(String bootstrap, String topic, String group, String assignor, String instance) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("group.id", group);
        p.put("group.protocol", "classic");
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", false);
        p.put("session.timeout.ms", Integer.parseInt(System.getenv().getOrDefault("SESSION_MS", "6000")));
        p.put("heartbeat.interval.ms", 500);
        if (System.getenv("METADATA_MS") != null) p.put("metadata.max.age.ms", System.getenv("METADATA_MS"));
        p.put("partition.assignment.strategy", "org.apache.kafka.clients.consumer."
            + Map.of("range", "RangeAssignor", "roundrobin", "RoundRobinAssignor", "cooperative", "CooperativeStickyAssignor").get(assignor));
        if (instance != null) p.put("group.instance.id", instance);
        AtomicBoolean stopping = new AtomicBoolean();
        CountDownLatch closed = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopping.set(true);
            try { closed.await(); } catch (InterruptedException e) { }
        }));
        int assigned = -1;
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.subscribe(List.of(topic));
            while (!stopping.get()) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
                if (consumer.assignment().size() != assigned) System.out.println("A " + (assigned = consumer.assignment().size()));
                for (ConsumerRecord<byte[], byte[]> r : records)
                    System.out.println("R " + r.partition() + " " + r.offset() + " " + new String(r.value(), StandardCharsets.UTF_8));
                try {
                    if (!records.isEmpty()) consumer.commitSync();
                } catch (RebalanceInProgressException | CommitFailedException e) { } // the next poll joins again; the next commit says it all
            }
        } finally { closed.countDown(); }
    }

    static void resets(String bootstrap, String topic, String group, String[] policies) throws Exception {
        for (String policy : policies) {
            Properties p = new Properties();
            p.put("bootstrap.servers", bootstrap);
            p.put("group.id", group + policy.replace(':', '-'));
            p.put("auto.offset.reset", policy);
            try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
                consumer.subscribe(List.of(topic));
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
                while (records.isEmpty()) records = consumer.poll(Duration.ofMillis(200));
                System.out.println(policy + " " + records.iterator().next().offset());
            } catch (NoOffsetForPartitionException e) { System.out.println(policy + " refused"); }
        }
    }

    static void run(String[] a) throws Exception {
        if (a[0].equals("group")) group(a[1], a[2], a[3], a[4], a.length > 5 ? a[5] : null);
        else if (a[0].equals("resets")) resets(a[1], a[2], a[3], Arrays.copyOfRange(a, 4, a.length));
        else if (a[0].equals("produce")) produce(a[1], a[2], a[3], a[4], a[5]);
        else consume(a[1], a[2], Integer.parseInt(a[3]));
    }

    static void serve() throws Exception {
        Scanner lines = new Scanner(System.in);
        while (lines.hasNextLine()) {
            int code = 0;
            try { run(lines.nextLine().split(" ")); } catch (Throwable e) {
                e.printStackTrace();
                code = 1;
            }
            System.out.println("done " + code);
        }
    }

    /** Loads what a consumer and a producer load, without a broker, for the class archive that setup.sh makes. */
    static void load() throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", "127.0.0.1:1");
        p.put("group.id", "none");
        p.put("max.block.ms", 100);
        p.put("compression.type", "none");
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer());
             KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer())) {
            consumer.subscribe(List.of("none"));
            consumer.poll(Duration.ofMillis(100));
            producer.send(new ProducerRecord<>("none", utf8("value")));
        }
    }

    public static void main(String[] a) throws Exception {
        if (a[0].equals("serve")) serve();
        else if (a[0].equals("load")) load();
        else run(a);
    }
}

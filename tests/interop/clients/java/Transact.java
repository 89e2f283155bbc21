// Apache Kafka's own Java client, transactional: consume, transform, produce and commit the offsets in one transaction;
// see ../../README.md.
//   transact BOOTSTRAP IN OUT GROUP ID COUNT   reads COUNT records of IN, writes each to OUT; every third transaction is
//                                              aborted and made again
//   fence BOOTSTRAP OUT ID                     a second producer with the same id fences the first
import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.*;
import org.apache.kafka.common.serialization.*;

public class Transact {
    static KafkaProducer<byte[], byte[]> producer(String bootstrap, String id) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("transactional.id", id);
        p.put("linger.ms", 1);
        p.put("delivery.timeout.ms", 60000);
        return new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, String group, int most) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("group.id", group);
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", false);
        p.put("isolation.level", "read_committed");
        p.put("max.poll.records", most);
        return new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static void rewind(KafkaConsumer<byte[], byte[]> consumer) {
        Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
        for (TopicPartition tp : consumer.assignment()) {
            OffsetAndMetadata at = committed.get(tp);
            if (at == null) consumer.seekToBeginning(List.of(tp)); else consumer.seek(tp, at.offset());
        }
    }

    static void transact(String bootstrap, String in, String out, String group, String id, int count) throws Exception {
        int done = 0, turn = 0;
        try (KafkaProducer<byte[], byte[]> producer = producer(bootstrap, id);
             KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, group, 37)) {
            producer.initTransactions();
            consumer.subscribe(List.of(in));
            long deadline = System.currentTimeMillis() + 90000;
            while (done < count && System.currentTimeMillis() < deadline) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(500));
                if (records.isEmpty()) continue;
                producer.beginTransaction();
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                for (ConsumerRecord<byte[], byte[]> r : records) {
                    producer.send(new ProducerRecord<>(out, r.partition(), r.key(), r.value()));
                    offsets.put(new TopicPartition(r.topic(), r.partition()), new OffsetAndMetadata(r.offset() + 1));
                }
                producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                if (++turn % 3 == 0) {
                    producer.abortTransaction();
                    rewind(consumer);
                } else {
                    producer.commitTransaction();
                    done += records.count();
                }
            }
        }
        System.out.println("transacted=" + done);
    }

    static void fence(String bootstrap, String out, String id) {
        try (KafkaProducer<byte[], byte[]> first = producer(bootstrap, id); KafkaProducer<byte[], byte[]> second = producer(bootstrap, id)) {
            first.initTransactions();
            first.beginTransaction();
            first.send(new ProducerRecord<>(out, 0, null, new byte[] {1}));
            first.flush();
            second.initTransactions();
            String what = "none";
            try {
                first.send(new ProducerRecord<>(out, 0, null, new byte[] {2}));
                first.commitTransaction();
            } catch (ProducerFencedException | InvalidProducerEpochException e) {
                what = "fenced";
            } catch (Exception e) {
                what = e.toString();
            }
            second.beginTransaction();
            second.send(new ProducerRecord<>(out, 0, null, new byte[] {3}));
            second.commitTransaction();
            System.out.println("first=" + what + " second=committed");
        }
    }

    public static void main(String[] a) throws Exception {
        if (a[0].equals("transact")) transact(a[1], a[2], a[3], a[4], a[5], Integer.parseInt(a[6]));
        else fence(a[1], a[2], a[3]);
    }
}

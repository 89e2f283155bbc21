// Kafka Streams counts words with exactly_once_v2 until it is told to stop; see ../../README.md.
//   WordCount BOOTSTRAP TEXT COUNTS ID STATE-FOLDER
import java.time.Duration;
import java.util.*;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.state.Stores;

public class WordCount {
    public static void main(String[] a) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", a[0]);
        p.put("application.id", a[3]);
        p.put("state.dir", a[4]);
        p.put("processing.guarantee", "exactly_once_v2");
        p.put("commit.interval.ms", 100);
        p.put("statestore.cache.max.bytes", 0);
        p.put("replication.factor", 1);
        p.put("num.stream.threads", 2);
        p.put("default.key.serde", Serdes.StringSerde.class);
        p.put("default.value.serde", Serdes.StringSerde.class);
        p.put("consumer.auto.offset.reset", "earliest");
        p.put("consumer.session.timeout.ms", 6000);
        p.put("consumer.heartbeat.interval.ms", 1000);
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(a[1])
            .flatMapValues(line -> Arrays.asList(line.split(" ")))
            .groupBy((key, word) -> word)
            .count(Materialized.as(Stores.inMemoryKeyValueStore("counts")))
            .toStream()
            .mapValues(count -> Long.toString(count))
            .to(a[2], Produced.with(Serdes.String(), Serdes.String()));
        KafkaStreams streams = new KafkaStreams(builder.build(), p);
        CountDownLatch ended = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(e -> {
            System.err.println(e);
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close(Duration.ofSeconds(20));
            ended.countDown();
        }));
        streams.start();
        System.out.println("started");
        ended.await();
    }
}

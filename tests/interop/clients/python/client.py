"""kafka-python as an interop client; see ../../README.md."""
import faulthandler, hashlib, os, signal, struct, sys, traceback
from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import NoOffsetForPartitionError
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

def produce(bootstrap, topic, path, codec, acks):
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all" if acks == "all" else int(acks),
                             compression_type=None if codec == "none" else codec, linger_ms=5, batch_size=131072)
    data = open(path, "rb").read()
    futures = []
    for n, pos in enumerate(range(0, len(data), 1000)):
        futures.append(producer.send(topic, key=b"k%d" % n, value=data[pos:pos + 1000], partition=0,
                                     headers=[("n", b"%d" % n)], timestamp_ms=1700000000000 + n))
    producer.flush(120)
    if acks != "0":
        for f in futures:
            f.get(10)
    producer.close()

def consume(bootstrap, topic, count):
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, consumer_timeout_ms=60000,
                             auto_offset_reset="earliest", max_poll_records=5000)
    consumer.assign([TopicPartition(topic, 0)])
    consumer.seek_to_beginning()
    h, n = hashlib.sha256(), 0
    for record in consumer:
        for field in (record.key, record.value, dict(record.headers)["n"]):
            h.update(struct.pack(">I", len(field)) + field)
        h.update(struct.pack(">q", record.timestamp))
        n += 1
        if n == count:
            break
    consumer.close()
    print("count=%d sha256=%s" % (n, h.hexdigest()))

class Stop(Exception):
    pass

class Said(ConsumerRebalanceListener):
    """Says how many partitions are its own when that changes."""
    assigned = None

    def on_partitions_assigned(self, assigned):
        # kafka-python 3.0.12 was seen, rarely and on a busy machine, never to get as far as this: it says where it stands
        # and ends, and the story starts it once more (groups.py).
        faulthandler.cancel_dump_traceback_later()
        if len(assigned) != self.assigned:
            self.assigned = len(assigned)
            print("A", self.assigned, flush=True)

    def on_partitions_revoked(self, revoked):
        pass

def group(bootstrap, topic, group, assignor, instance=None):
    faulthandler.dump_traceback_later(25, exit=True)
    stopping, polling = [], []
    def stop(*_):
        stopping.append(1)
        if polling:
            raise Stop
    signal.signal(signal.SIGTERM, stop)
    strategy = RangePartitionAssignor if assignor == "range" else RoundRobinPartitionAssignor
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False,
                             auto_offset_reset="earliest", heartbeat_interval_ms=500,
                             session_timeout_ms=int(os.environ.get("SESSION_MS", 6000)), partition_assignment_strategy=[strategy], group_instance_id=instance,
                             metadata_max_age_ms=int(os.environ.get("METADATA_MS", 300000)))
    consumer.subscribe([topic], listener=Said())
    while not stopping:
        try:
            polling.append(1)
            # One that ends between JoinGroup and the end of SyncGroup loses the assignment and sends no heartbeat any more.
            batches = consumer.poll(60000)
            polling.clear()
        except Stop:
            break
        for records in batches.values():
            for r in records:
                print("R", r.partition, r.offset, r.value.decode(), flush=True)
        if batches:
            consumer.commit()
    consumer.close()

def resets(bootstrap, topic, group, *policies):
    for policy in policies:
        consumer = KafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group + policy, auto_offset_reset=policy)
        try:
            batches = {}
            while not batches:
                batches = consumer.poll(60000)
            print(policy, next(iter(batches.values()))[0].offset, flush=True)
        except NoOffsetForPartitionError:
            print(policy, "refused", flush=True)
        consumer.close()

def run(command, *arguments):
    if command == "produce":
        produce(*arguments)
    elif command == "consume":
        consume(arguments[0], arguments[1], int(arguments[2]))
    elif command == "group":
        group(*arguments)
    else:
        resets(*arguments)

def serve():
    for line in sys.stdin:
        code = 0
        try:
            run(*line.split())
        except Exception:
            traceback.print_exc()
            code = 1
        print("done", code, flush=True)

if sys.argv[1] == "serve":
    serve()
else:
    run(*sys.argv[1:])

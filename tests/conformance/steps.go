package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// ---- record batches ---------------------------------------------------------------------------------------------

type batch struct {
	producerID int64
	epoch      int16
	sequence   int32
	timestamp  int64
	values     []string
	nullKeys   bool
	keys       []string // none: a, b, c ...
	tombstones []bool   // which values are null
	deltas     []int64  // of the records' timestamps; none: all 0
	gzip       bool
	spoil      func(raw []byte) []byte // after everything, the checksum included
	alter      func(raw []byte)        // before the checksum
}

func varint(b []byte, v int64) []byte {
	for u := uint64(v<<1) ^ uint64(v>>63); ; u >>= 7 {
		if u < 0x80 {
			return append(b, byte(u))
		}
		b = append(b, byte(u)|0x80)
	}
}

func (s batch) encode() []byte {
	var records []byte
	newest := s.timestamp
	for i, value := range s.values {
		record := []byte{0}
		delta := int64(0)
		if s.deltas != nil {
			delta = s.deltas[i]
		}
		newest = max(newest, s.timestamp+delta)
		record = varint(record, delta)
		record = varint(record, int64(i))
		if s.nullKeys {
			record = varint(record, -1)
		} else if s.keys != nil {
			record = varint(record, int64(len(s.keys[i])))
			record = append(record, s.keys[i]...)
		} else {
			record = varint(record, 1)
			record = append(record, byte('a'+i%26))
		}
		if s.tombstones != nil && s.tombstones[i] {
			record = varint(record, -1)
		} else {
			record = varint(record, int64(len(value)))
			record = append(record, value...)
		}
		record = varint(record, 0)
		records = varint(records, int64(len(record)))
		records = append(records, record...)
	}
	if s.gzip {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		w.Write(records)
		w.Close()
		records = packed.Bytes()
	}
	raw := make([]byte, 61, 61+len(records))
	raw = append(raw, records...)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[12:], 0xffffffff)
	raw[16] = 2
	binary.BigEndian.PutUint32(raw[23:], uint32(len(s.values)-1))
	binary.BigEndian.PutUint64(raw[27:], uint64(s.timestamp))
	binary.BigEndian.PutUint64(raw[35:], uint64(newest))
	if s.gzip {
		raw[22] = 1
	}
	binary.BigEndian.PutUint64(raw[43:], uint64(s.producerID))
	binary.BigEndian.PutUint16(raw[51:], uint16(s.epoch))
	binary.BigEndian.PutUint32(raw[53:], uint32(s.sequence))
	binary.BigEndian.PutUint32(raw[57:], uint32(len(s.values)))
	if s.alter != nil {
		s.alter(raw)
	}
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	if s.spoil != nil {
		raw = s.spoil(raw)
	}
	return raw
}

func plain(values ...string) batch {
	return batch{producerID: -1, epoch: -1, sequence: -1, timestamp: 1700000000000, values: values}
}

// ---- requests ----------------------------------------------------------------------------------------------------

func produce(topic string, partition int32, acks int16, records []byte) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrProduceRequest()
		r.Acks, r.TimeoutMillis = acks, 10000
		t := kmsg.NewProduceRequestTopic()
		t.Topic, t.TopicID = topic, b.topicIDs[topic]
		p := kmsg.NewProduceRequestTopicPartition()
		p.Partition, p.Records = partition, records
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
		return r
	}
}

func fetch(topic string, partition int32, offset int64, change func(r *kmsg.FetchRequest, p *kmsg.FetchRequestTopicPartition)) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrFetchRequest()
		r.MaxWaitMillis, r.MinBytes, r.MaxBytes = 50, 1, 1<<20
		r.SessionEpoch = -1
		t := kmsg.NewFetchRequestTopic()
		t.Topic, t.TopicID = topic, b.topicIDs[topic]
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch = partition, offset, 1<<20, -1
		if change != nil {
			change(r, &p)
		}
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
		return r
	}
}

func listOffsets(topic string, partition int32, timestamp int64, isolation int8) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrListOffsetsRequest()
		r.ReplicaID, r.IsolationLevel = -1, isolation
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = topic
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp, p.CurrentLeaderEpoch = partition, timestamp, -1
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
		return r
	}
}

func create(name string, partitions int32, replication int16, validate bool, configs map[string]string) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrCreateTopicsRequest()
		r.TimeoutMillis, r.ValidateOnly = 10000, validate
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = name, partitions, replication
		for k, v := range configs {
			c := kmsg.NewCreateTopicsRequestTopicConfig()
			value := v
			c.Name, c.Value = k, &value
			t.Configs = append(t.Configs, c)
		}
		r.Topics = append(r.Topics, t)
		return r
	}
}

func metadata(topics ...string) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrMetadataRequest()
		r.Topics = []kmsg.MetadataRequestTopic{}
		for _, name := range topics {
			t := kmsg.NewMetadataRequestTopic()
			n := name
			t.Topic = &n
			r.Topics = append(r.Topics, t)
		}
		return r
	}
}

func ownDir(b *broker) []string {
	answer, err := b.send(kmsg.NewPtrDescribeLogDirsRequest(), 4)
	if err != nil {
		return nil
	}
	return []string{answer.(*kmsg.DescribeLogDirsResponse).Dirs[0].Dir}
}

// Partitions as "topic/0", each of them in each of the directories.
func moveTo(dirs func(b *broker) []string, partitions ...string) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrAlterReplicaLogDirsRequest()
		for _, path := range dirs(b) {
			d := kmsg.NewAlterReplicaLogDirsRequestDir()
			d.Dir = path
			for _, partition := range partitions {
				name, index, _ := strings.Cut(partition, "/")
				number, _ := strconv.Atoi(index)
				if n := len(d.Topics); n > 0 && d.Topics[n-1].Topic == name {
					d.Topics[n-1].Partitions = append(d.Topics[n-1].Partitions, int32(number))
					continue
				}
				t := kmsg.NewAlterReplicaLogDirsRequestDirTopic()
				t.Topic, t.Partitions = name, []int32{int32(number)}
				d.Topics = append(d.Topics, t)
			}
			r.Dirs = append(r.Dirs, d)
		}
		return r
	}
}

func alterOf(kind kmsg.ConfigResourceType, name, key string, op kmsg.IncrementalAlterConfigOp, value *string, validate bool) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrIncrementalAlterConfigsRequest()
		r.ValidateOnly = validate
		x := kmsg.NewIncrementalAlterConfigsRequestResource()
		x.ResourceType, x.ResourceName = kind, name
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Op, c.Value = key, op, value
		x.Configs = append(x.Configs, c)
		r.Resources = append(r.Resources, x)
		return r
	}
}

func remember(b *broker, answer message) {
	if m, ok := answer.(*kmsg.MetadataResponse); ok {
		for _, t := range m.Topics {
			if t.Topic != nil {
				b.topicIDs[*t.Topic] = t.TopicID
			}
		}
	}
}

func last(version int16) []int16 { return []int16{version} }

// ---- the script ----------------------------------------------------------------------------------------------------

func scripted() []step {
	var s []step
	add := func(name string, request func(b *broker) message, versions ...int16) {
		s = append(s, step{name: name, request: request, versions: versions})
	}
	topics := func() { // creates what the rest uses, and learns the ids
		for _, t := range []struct {
			name    string
			configs map[string]string
		}{{"plain", nil}, {"compacted", map[string]string{"cleanup.policy": "compact"}},
			{"stamped", map[string]string{"message.timestamp.type": "LogAppendTime"}},
			{"packed", nil}, {"small", map[string]string{"max.message.bytes": "200", "retention.ms": "-1"}}} {
			add("CreateTopics "+t.name, create(t.name, 2, 1, false, t.configs), 7)
		}
		s = append(s, step{name: "Metadata learn", request: metadata("plain", "compacted", "stamped", "packed", "small"), after: remember, versions: last(12)})
	}
	topics()
	add("CreateTopics again", create("plain", 1, 1, false, nil))
	add("CreateTopics validate", create("other", 3, 1, true, map[string]string{"retention.ms": "5000"}))
	for _, name := range []string{"", ".", "..", "a b", "a/b", "small.x"} {
		add(fmt.Sprintf("CreateTopics name %q", name), create(name, 1, 1, true, nil))
	}
	add("CreateTopics zero partitions", create("zero", 0, 1, true, nil))
	add("CreateTopics negative partitions", create("zero", -2, 1, true, nil))
	add("CreateTopics too many replicas", create("many", 1, 3, true, nil))
	add("CreateTopics zero replicas", create("none", 1, 0, true, nil))
	add("CreateTopics defaults", create("defaults", -1, -1, true, nil), 4, 5, 6, 7)
	add("CreateTopics unknown config", create("conf", 1, 1, true, map[string]string{"no.such.key": "1"}))
	add("CreateTopics bad config value", create("conf", 1, 1, true, map[string]string{"retention.ms": "soon"}))
	add("CreateTopics config out of range", create("conf", 1, 1, true, map[string]string{"segment.bytes": "1"}))
	add("Metadata named", metadata("plain", "absent", "bad name"))
	add("Metadata none", metadata())
	add("AlterReplicaLogDirs where they are", moveTo(ownDir, "plain/0", "plain/99", "absent/0", "a b/0"))
	add("AlterReplicaLogDirs nowhere", moveTo(func(b *broker) []string { return []string{"/no/such", ""} }, "plain/0", "absent/0"))
	add("AlterReplicaLogDirs twice", moveTo(func(b *broker) []string { return append(ownDir(b), "/no/such") }, "plain/0", "small/0"))
	add("AlterReplicaLogDirs twice, the other way", moveTo(func(b *broker) []string { return append([]string{"/no/such"}, ownDir(b)...) }, "plain/0", "small/0"))
	add("AlterReplicaLogDirs nothing", moveTo(ownDir))
	reach := func(endpoints int8) func(b *broker) message {
		return func(b *broker) message {
			r := kmsg.NewPtrDescribeClusterRequest()
			r.EndpointType = endpoints
			return r
		}
	}
	add("DescribeCluster controllers", reach(2), 1, 2)
	add("DescribeCluster unknown endpoints", reach(3), 1, 2)
	add("DescribeCluster", func(b *broker) message { return kmsg.NewPtrDescribeClusterRequest() })
	add("DescribeCluster operations", func(b *broker) message {
		r := kmsg.NewPtrDescribeClusterRequest()
		r.IncludeClusterAuthorizedOperations = true
		return r
	})
	add("Metadata operations", func(b *broker) message {
		r := metadata("plain", "absent", "bad name")(b).(*kmsg.MetadataRequest)
		r.IncludeClusterAuthorizedOperations, r.IncludeTopicAuthorizedOperations = true, true
		return r
	})
	add("DescribeTopicPartitions operations", func(b *broker) message {
		r := kmsg.NewPtrDescribeTopicPartitionsRequest()
		r.ResponsePartitionLimit = 2000
		for _, name := range []string{"absent", "plain"} {
			t := kmsg.NewDescribeTopicPartitionsRequestTopic()
			t.Topic = name
			r.Topics = append(r.Topics, t)
		}
		return r
	})

	stamp := time.Now().UnixMilli()
	good := plain("one", "two", "three")
	good.timestamp = stamp
	add("Produce good", produce("plain", 0, -1, good.encode()))
	add("Produce acks=1", produce("plain", 0, 1, good.encode()))
	add("Produce acks=2", produce("plain", 0, 2, good.encode()))
	add("Produce unknown topic", produce("absent", 0, -1, good.encode()))
	add("Produce unknown partition", produce("plain", 9, -1, good.encode()))
	add("Produce to stamped", produce("stamped", 0, -1, good.encode()))
	nokey := plain("x")
	nokey.timestamp, nokey.nullKeys = stamp, true
	add("Produce no key to compacted", produce("compacted", 0, -1, nokey.encode()))
	add("Produce key to compacted", produce("compacted", 0, -1, good.encode()))
	big := plain(string(make([]byte, 300)))
	big.timestamp = stamp
	add("Produce too large", produce("small", 0, -1, big.encode()))
	add("Produce empty records", produce("plain", 0, -1, []byte{}))
	add("Produce garbage", produce("plain", 0, -1, []byte("this is not a batch of records, but it is long enough to look like a header")))
	bads := map[string]batch{}
	spoil := func(name string, change func(s *batch)) {
		bad := good
		change(&bad)
		bads[name] = bad
		add("Produce "+name, produce("plain", 1, -1, bad.encode()))
	}
	spoil("bad crc", func(s *batch) { s.spoil = func(r []byte) []byte { r[len(r)-1] ^= 1; return r } })
	spoil("truncated", func(s *batch) { s.spoil = func(r []byte) []byte { return r[:len(r)-3] } })
	spoil("two batches", func(s *batch) { s.spoil = func(r []byte) []byte { return append(r, r...) } })
	spoil("magic 1", func(s *batch) { s.spoil = func(r []byte) []byte { r[16] = 1; return r } })
	spoil("magic 3", func(s *batch) { s.spoil = func(r []byte) []byte { r[16] = 3; return r } })
	spoil("base offset", func(s *batch) { s.spoil = func(r []byte) []byte { r[7] = 5; return r } })
	spoil("control bit", func(s *batch) { s.alter = func(r []byte) { r[22] |= 32 } })
	spoil("codec 7", func(s *batch) { s.alter = func(r []byte) { r[22] |= 7 } })
	spoil("append time bit", func(s *batch) { s.alter = func(r []byte) { r[22] |= 8 } })
	spoil("count zero", func(s *batch) { s.alter = func(r []byte) { binary.BigEndian.PutUint32(r[57:], 0) } })
	spoil("count too high", func(s *batch) { s.alter = func(r []byte) { binary.BigEndian.PutUint32(r[57:], 9) } })
	spoil("last delta wrong", func(s *batch) { s.alter = func(r []byte) { binary.BigEndian.PutUint32(r[23:], 9) } })
	spoil("future", func(s *batch) { s.timestamp = stamp + 48*3600*1000 })
	spoil("negative length", func(s *batch) { s.spoil = func(r []byte) []byte { r[8] = 0xff; return r } })
	spoil("no timestamp", func(s *batch) { s.timestamp = -1 })

	s = append(s, step{name: "InitProducerId", request: func(b *broker) message {
		r := kmsg.NewPtrInitProducerIDRequest()
		r.TransactionTimeoutMillis, r.ProducerID, r.ProducerEpoch = 60000, -1, -1
		return r
	}, after: func(b *broker, answer message) { b.producerID = answer.(*kmsg.InitProducerIDResponse).ProducerID }})
	idempotent := func(name string, epoch int16, sequence int32) {
		add("Produce idempotent "+name, func(b *broker) message {
			d := good
			d.producerID, d.epoch, d.sequence = b.producerID, epoch, sequence
			return produce("plain", 1, -1, d.encode())(b)
		}, 9)
	}
	idempotent("first", 0, 0)
	idempotent("again", 0, 0)
	idempotent("next", 0, 3)
	idempotent("gap", 0, 9)
	idempotent("overlap", 0, 4)
	idempotent("old duplicate", 0, 0)
	idempotent("new epoch wrong start", 1, 7)
	idempotent("new epoch", 1, 0)
	idempotent("old epoch", 0, 6)

	for _, offset := range []int64{0, 1, 3, 999, -1} {
		add(fmt.Sprintf("Fetch plain at %d", offset), fetch("plain", 0, offset, nil))
	}
	add("Fetch absent", fetch("absent", 0, 0, nil))
	add("Fetch unknown partition", fetch("plain", 9, 0, nil))
	add("Fetch one byte", fetch("plain", 0, 0, func(r *kmsg.FetchRequest, p *kmsg.FetchRequestTopicPartition) { p.PartitionMaxBytes = 1 }))
	add("Fetch max bytes one", fetch("plain", 0, 0, func(r *kmsg.FetchRequest, p *kmsg.FetchRequestTopicPartition) { r.MaxBytes = 1 }))
	add("Fetch committed", fetch("plain", 0, 0, func(r *kmsg.FetchRequest, p *kmsg.FetchRequestTopicPartition) { r.IsolationLevel = 1 }))
	add("Fetch old epoch", fetch("plain", 0, 0, func(r *kmsg.FetchRequest, p *kmsg.FetchRequestTopicPartition) { p.CurrentLeaderEpoch = 0 }), 9, 12)
	add("Fetch new epoch", fetch("plain", 0, 0, func(r *kmsg.FetchRequest, p *kmsg.FetchRequestTopicPartition) { p.CurrentLeaderEpoch = 99 }), 9, 12, 17)
	add("Fetch diverging", fetch("plain", 0, 2, func(r *kmsg.FetchRequest, p *kmsg.FetchRequestTopicPartition) { p.LastFetchedEpoch = 0 }), 12, 17)
	add("Fetch unknown session", fetch("plain", 0, 0, func(r *kmsg.FetchRequest, p *kmsg.FetchRequestTopicPartition) { r.SessionID, r.SessionEpoch = 12345, 3 }), 7, 12, 17)

	for _, timestamp := range []int64{-1, -2, -3, -4, -5, -6, -7, 0, stamp, stamp + 1000000} {
		for _, isolation := range []int8{0, 1} {
			name := fmt.Sprint(timestamp)
			if timestamp == stamp {
				name = "stamp"
			} else if timestamp > stamp {
				name = "later"
			}
			add(fmt.Sprintf("ListOffsets %s isolation %d", name, isolation), listOffsets("plain", 0, timestamp, isolation))
		}
	}
	add("ListOffsets stamped newest", listOffsets("stamped", 0, -3, 0))
	for i := 0; i < 3; i++ { // offsets 0, 3, 6 and on; the second batch is the newest
		packed := plain("one", "two", "three")
		packed.timestamp, packed.deltas, packed.gzip = stamp+[]int64{0, 1000, 500}[i], []int64{1, 7, 3}, true
		s = append(s, step{name: fmt.Sprintf("Produce packed %d", i), request: produce("packed", 0, -1, packed.encode()), versions: last(12)})
		s = append(s, step{name: fmt.Sprintf("Produce packed stamped %d", i), request: produce("stamped", 1, -1, packed.encode()), versions: last(12)})
	}
	for _, later := range []int64{-1, 1, 2, 3, 7, 8, 499, 500, 503, 1002, 1006, 1007, 1008} {
		add(fmt.Sprintf("ListOffsets packed %d", later), listOffsets("packed", 0, stamp+later, 0))
	}
	add("ListOffsets packed newest", listOffsets("packed", 0, -3, 0))
	add("ListOffsets packed stamped newest", listOffsets("stamped", 1, -3, 0))
	add("ListOffsets packed stamped by time", listOffsets("stamped", 1, stamp, 0))
	add("ListOffsets empty partition max timestamp", listOffsets("small", 1, -3, 0))
	add("ListOffsets absent", listOffsets("absent", 0, -1, 0))
	epochs := func(topic string, current, epoch int32) func(b *broker) message {
		return func(b *broker) message {
			r := kmsg.NewPtrOffsetForLeaderEpochRequest()
			r.ReplicaID = -1
			t := kmsg.NewOffsetForLeaderEpochRequestTopic()
			t.Topic = topic
			p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
			p.CurrentLeaderEpoch, p.LeaderEpoch = current, epoch
			t.Partitions = append(t.Partitions, p)
			r.Topics = append(r.Topics, t)
			return r
		}
	}
	add("OffsetForLeaderEpoch 0", epochs("plain", -1, 0))
	add("OffsetForLeaderEpoch 5", epochs("plain", -1, 5))
	add("OffsetForLeaderEpoch undefined", epochs("plain", -1, -1))
	add("OffsetForLeaderEpoch fenced", epochs("plain", 7, 0))
	add("OffsetForLeaderEpoch absent", epochs("absent", -1, 0))

	describe := func(kind kmsg.ConfigResourceType, name string, keys ...string) func(b *broker) message {
		return func(b *broker) message {
			r := kmsg.NewPtrDescribeConfigsRequest()
			r.IncludeSynonyms = true
			x := kmsg.NewDescribeConfigsRequestResource()
			x.ResourceType, x.ResourceName, x.ConfigNames = kind, name, keys
			r.Resources = append(r.Resources, x)
			return r
		}
	}
	add("DescribeConfigs topic", describe(kmsg.ConfigResourceTypeTopic, "compacted"))
	add("DescribeConfigs one key", describe(kmsg.ConfigResourceTypeTopic, "small", "max.message.bytes", "no.such"))
	add("DescribeConfigs absent", describe(kmsg.ConfigResourceTypeTopic, "absent"))
	add("DescribeConfigs bad name", describe(kmsg.ConfigResourceTypeTopic, "a b"))
	add("DescribeConfigs broker keys", describe(kmsg.ConfigResourceTypeBroker, "1", "log.retention.hours", "num.partitions", "message.max.bytes", "log.segment.bytes"))
	add("DescribeConfigs broker unknown", describe(kmsg.ConfigResourceTypeBroker, "77"))
	alter := func(name, key string, op kmsg.IncrementalAlterConfigOp, value *string, validate bool) func(b *broker) message {
		return alterOf(kmsg.ConfigResourceTypeTopic, name, key, op, value, validate)
	}
	add("IncrementalAlterConfigs set", alter("plain", "retention.ms", 0, text("86400000"), false))
	add("IncrementalAlterConfigs bad value", alter("plain", "retention.ms", 0, text("x"), false))
	add("IncrementalAlterConfigs unknown", alter("plain", "no.such.key", 0, text("x"), false))
	add("IncrementalAlterConfigs null", alter("plain", "retention.ms", 0, nil, false))
	add("IncrementalAlterConfigs append to a number", alter("plain", "retention.ms", 2, text("1"), false))
	add("IncrementalAlterConfigs append to a list", alter("plain", "cleanup.policy", 2, text("compact"), true))
	add("IncrementalAlterConfigs absent topic", alter("absent", "retention.ms", 0, text("1000"), false))
	for _, one := range [][2]string{{"sasl.kerberos.min.time.before.relogin", "58000"}, {"sasl.enabled.mechanisms", "PLAIN"},
		{"ssl.protocol", "TLSv1.2"}, {"ssl.client.auth", "required"}, {"ssl.keymanager.algorithm", "PKIX"},
		{"ssl.keystore.type", "PEM"}, {"ssl.key.password", "x"}, {"ssl.truststore.location", "/x"},
		{"message.max.bytes", "2000000"}, {"log.cleaner.threads", "x"}, {"no.such.key", "x"}} {
		for _, of := range []string{"1", ""} {
			add("IncrementalAlterConfigs broker "+of+" "+one[0], alterOf(kmsg.ConfigResourceTypeBroker, of, one[0], 0, text(one[1]), true))
		}
	}
	add("DescribeConfigs after set", describe(kmsg.ConfigResourceTypeTopic, "plain", "retention.ms"))
	add("IncrementalAlterConfigs delete", alter("plain", "retention.ms", 1, nil, false))
	add("DescribeConfigs after delete", describe(kmsg.ConfigResourceTypeTopic, "plain", "retention.ms"))

	grow := func(topic string, count int32, validate bool) func(b *broker) message {
		return func(b *broker) message {
			r := kmsg.NewPtrCreatePartitionsRequest()
			r.TimeoutMillis, r.ValidateOnly = 10000, validate
			t := kmsg.NewCreatePartitionsRequestTopic()
			t.Topic, t.Count = topic, count
			r.Topics = append(r.Topics, t)
			return r
		}
	}
	add("CreatePartitions fewer", grow("plain", 1, false))
	add("CreatePartitions same", grow("plain", 2, false))
	add("CreatePartitions validate", grow("plain", 5, true))
	add("CreatePartitions absent", grow("absent", 5, false))
	trim := func(topic string, offset int64) func(b *broker) message {
		return func(b *broker) message {
			r := kmsg.NewPtrDeleteRecordsRequest()
			r.TimeoutMillis = 10000
			t := kmsg.NewDeleteRecordsRequestTopic()
			t.Topic = topic
			p := kmsg.NewDeleteRecordsRequestTopicPartition()
			p.Offset = offset
			t.Partitions = append(t.Partitions, p)
			r.Topics = append(r.Topics, t)
			return r
		}
	}
	add("DeleteRecords to 2", trim("plain", 2))
	add("DeleteRecords beyond", trim("plain", 100000))
	add("DeleteRecords negative", trim("plain", -5))
	add("DeleteRecords compacted", trim("compacted", 1))
	add("DeleteRecords absent", trim("absent", 1))
	add("Fetch below log start", fetch("plain", 0, 0, nil))
	add("DeleteRecords all", trim("plain", -1))
	add("ListOffsets after delete", listOffsets("plain", 0, -2, 0))
	s = append(s, groupSteps()...)
	s = append(s, replicaSteps()...)
	remove := func(names ...string) func(b *broker) message {
		return func(b *broker) message {
			r := kmsg.NewPtrDeleteTopicsRequest()
			r.TimeoutMillis = 10000
			for _, name := range names {
				n := name
				t := kmsg.NewDeleteTopicsRequestTopic()
				t.Topic = &n
				r.Topics, r.TopicNames = append(r.Topics, t), append(r.TopicNames, n)
			}
			return r
		}
	}
	add("DeleteTopics absent", remove("absent"))
	add("DeleteTopics stamped", remove("stamped"), 6)
	add("DeleteTopics twice", remove("stamped"))
	add("ApiVersions too new", func(b *broker) message {
		return []byte{0, 18, 0, 99, 0, 0, 0, 1, 0, 1, 'x'}
	}, 99)
	add("Unknown api", func(b *broker) message { return []byte{3, 231, 0, 0, 0, 0, 0, 1, 0, 1, 'x'} }, 0)
	add("Too new version", func(b *broker) message { return []byte{0, 3, 0, 99, 0, 0, 0, 1, 0, 1, 'x'} }, 0)
	add("Produce v0", func(b *broker) message {
		return []byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 'x', 0, 1, 0, 0, 0, 1, 0, 0, 0, 0}
	}, 0)
	add("Truncated body", func(b *broker) message { return []byte{0, 3, 0, 1, 0, 0, 0, 1, 0, 1, 'x', 0, 0} }, 0)
	add("Huge array", func(b *broker) message { return []byte{0, 3, 0, 1, 0, 0, 0, 1, 0, 1, 'x', 0x7f, 0xff, 0xff, 0xff} }, 0)
	return s
}

// ---- random requests over the same topics -----------------------------------------------------------------------------

func random(seed int64) []step {
	rng := rand.New(rand.NewSource(seed))
	names := []string{"plain", "small", "compacted", "absent"}
	var s []step
	stamp := time.Now().UnixMilli()
	for i := 0; i < 300; i++ {
		topic, partition := names[rng.Intn(len(names))], int32(rng.Intn(3))
		offset := int64(rng.Intn(40) - 2)
		switch rng.Intn(4) {
		case 0:
			b := plain("r", "s")
			b.timestamp = stamp + int64(rng.Intn(1000))
			b.nullKeys = rng.Intn(4) == 0
			raw := b.encode()
			if rng.Intn(3) == 0 { // one flipped bit anywhere
				raw[rng.Intn(len(raw))] ^= 1 << rng.Intn(8)
			}
			s = append(s, step{name: fmt.Sprintf("random %d Produce", i), request: produce(topic, partition, -1, raw), versions: []int16{int16(3 + rng.Intn(10))}})
		case 1:
			limit := int32(rng.Intn(400))
			s = append(s, step{name: fmt.Sprintf("random %d Fetch", i), request: fetch(topic, partition, offset, func(r *kmsg.FetchRequest, p *kmsg.FetchRequestTopicPartition) {
				p.PartitionMaxBytes = limit
			}), versions: []int16{int16(4 + rng.Intn(14))}})
		case 2:
			s = append(s, step{name: fmt.Sprintf("random %d ListOffsets", i), request: listOffsets(topic, partition, offset-4+stamp*int64(rng.Intn(2)), int8(rng.Intn(2))), versions: []int16{int16(1 + rng.Intn(10))}})
		case 3:
			s = append(s, step{name: fmt.Sprintf("random %d Metadata", i), request: metadata(topic, names[rng.Intn(4)]), versions: []int16{int16(1 + rng.Intn(12))}})
		}
	}
	return s
}

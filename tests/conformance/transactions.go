package main

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What a broker has told a transactional producer: its id and epoch.
type transactional struct {
	producerID int64
	epoch      int16
	sequence   int32
}

func (b *broker) txn(id string) *transactional {
	if b.txns[id] == nil {
		b.txns[id] = &transactional{producerID: 4711, epoch: 0}
	}
	return b.txns[id]
}

// The end of a transaction is answered before its markers are written: what follows waits for them.
func settled(id string, request func(b *broker) message) func(b *broker) message {
	return func(b *broker) message {
		for i := 0; i < 200; i++ {
			r := kmsg.NewPtrDescribeTransactionsRequest()
			r.TransactionalIDs = []string{id}
			answer, err := b.send(r, 0)
			if err == nil {
				states := answer.(*kmsg.DescribeTransactionsResponse).TransactionStates
				if len(states) == 1 && states[0].ErrorCode != 14 && states[0].State != "PrepareCommit" && states[0].State != "PrepareAbort" {
					break
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(20 * time.Millisecond) // Kafka's last record is on its way a little longer
		return request(b)
	}
}

func initTxn(id string, change func(b *broker, r *kmsg.InitProducerIDRequest)) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrInitProducerIDRequest()
		r.TransactionalID, r.TransactionTimeoutMillis, r.ProducerID, r.ProducerEpoch = &id, 60000, -1, -1
		if change != nil {
			change(b, r)
		}
		return r
	}
}

func inited(id string) func(b *broker, answer message) {
	return func(b *broker, answer message) {
		a := answer.(*kmsg.InitProducerIDResponse)
		if a.ErrorCode == 0 {
			*b.txn(id) = transactional{producerID: a.ProducerID, epoch: a.ProducerEpoch}
		}
	}
}

func addPartitions(id, topic string, change func(r *kmsg.AddPartitionsToTxnRequest), partitions ...int32) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrAddPartitionsToTxnRequest()
		r.TransactionalID, r.ProducerID, r.ProducerEpoch = id, b.txn(id).producerID, b.txn(id).epoch
		t := kmsg.NewAddPartitionsToTxnRequestTopic()
		t.Topic, t.Partitions = topic, partitions
		r.Topics = append(r.Topics, t)
		v := kmsg.NewAddPartitionsToTxnRequestTransaction()
		v.TransactionalID, v.ProducerID, v.ProducerEpoch, v.VerifyOnly = id, r.ProducerID, r.ProducerEpoch, true
		vt := kmsg.NewAddPartitionsToTxnRequestTransactionTopic()
		vt.Topic, vt.Partitions = topic, partitions
		v.Topics = append(v.Topics, vt)
		r.Transactions = append(r.Transactions, v)
		if change != nil {
			change(r)
		}
		return r
	}
}

func addOffsets(id, group string, change func(r *kmsg.AddOffsetsToTxnRequest)) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrAddOffsetsToTxnRequest()
		r.TransactionalID, r.ProducerID, r.ProducerEpoch, r.Group = id, b.txn(id).producerID, b.txn(id).epoch, group
		if change != nil {
			change(r)
		}
		return r
	}
}

func commitInTxn(id, group, topic string, offset int64, change func(r *kmsg.TxnOffsetCommitRequest)) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrTxnOffsetCommitRequest()
		r.TransactionalID, r.ProducerID, r.ProducerEpoch, r.Group = id, b.txn(id).producerID, b.txn(id).epoch, group
		r.Generation = -1
		t := kmsg.NewTxnOffsetCommitRequestTopic()
		t.Topic = topic
		p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = 0, offset, -1, text("m")
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
		if change != nil {
			change(r)
		}
		return r
	}
}

func endTxn(id string, commit bool, change func(r *kmsg.EndTxnRequest)) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrEndTxnRequest()
		r.TransactionalID, r.ProducerID, r.ProducerEpoch, r.Commit = id, b.txn(id).producerID, b.txn(id).epoch, commit
		if change != nil {
			change(r)
		}
		return r
	}
}

func ended(id string) func(b *broker, answer message) {
	return func(b *broker, answer message) {
		a := answer.(*kmsg.EndTxnResponse)
		if a.ErrorCode == 0 && a.Version >= 5 {
			*b.txn(id) = transactional{producerID: a.ProducerID, epoch: a.ProducerEpoch}
		}
	}
}

func describeTxns(ids ...string) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrDescribeTransactionsRequest()
		r.TransactionalIDs = ids
		return r
	}
}

func listTxns(change func(r *kmsg.ListTransactionsRequest)) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrListTransactionsRequest()
		r.DurationFilterMillis = -1
		if change != nil {
			change(r)
		}
		return r
	}
}

func describeProducers(topic string, partitions ...int32) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrDescribeProducersRequest()
		t := kmsg.NewDescribeProducersRequestTopic()
		t.Topic, t.Partitions = topic, partitions
		r.Topics = append(r.Topics, t)
		return r
	}
}

func writeMarker(id, topic string, commit bool, change func(m *kmsg.WriteTxnMarkersRequestMarker), partitions ...int32) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrWriteTxnMarkersRequest()
		m := kmsg.NewWriteTxnMarkersRequestMarker()
		m.ProducerID, m.ProducerEpoch, m.Committed = b.txn(id).producerID, b.txn(id).epoch, commit
		t := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
		t.Topic, t.Partitions = topic, partitions
		m.Topics = append(m.Topics, t)
		if change != nil {
			change(&m)
		}
		r.Markers = append(r.Markers, m)
		return r
	}
}

// One record of the producer; the sequence goes on when it was taken.
func send(id, topic string, partition int32, change func(b *broker, s *batch, r *kmsg.ProduceRequest)) func(b *broker) message {
	return func(b *broker) message {
		s := plain("record")
		s.producerID, s.epoch, s.sequence = b.txn(id).producerID, b.txn(id).epoch, b.txn(id).sequence
		s.alter = func(raw []byte) { raw[22] |= 0x10 }
		r := produce(topic, partition, -1, nil)(b).(*kmsg.ProduceRequest)
		r.TransactionID = &id
		if change != nil {
			change(b, &s, r)
		}
		r.Topics[0].Partitions[0].Records = s.encode()
		return r
	}
}

func sent(id string) func(b *broker, answer message) {
	return func(b *broker, answer message) {
		if answer.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode == 0 {
			b.txn(id).sequence++
		}
	}
}

func committedOnly(r *kmsg.FetchRequest, p *kmsg.FetchRequestTopicPartition) { r.IsolationLevel = 1 }

func (s *script) addBare(name string, request func(b *broker) message, versions ...int16) {
	s.steps = append(s.steps, step{name: name, request: request, versions: versions, bare: true})
}

func txnSteps() []step {
	s := &script{}
	s.add("CreateTopics for transactions", create("txn", 3, 1, false, nil), 5)
	s.then("Metadata of it", metadata("txn"), remember, 12)
	s.add("FindCoordinator transaction", findCoordinator(1, "warm"))
	s.txnRefusals()
	for _, style := range []struct{ init, add, produce, offsets, commit, end int16 }{
		{0, 0, 3, 0, 0, 0}, {1, 1, 7, 1, 1, 1}, {3, 2, 8, 2, 2, 2}, {4, 3, 9, 3, 3, 3}, {5, 3, 11, 4, 4, 4}} {
		s.oldLife(style.init, style.add, style.produce, style.offsets, style.commit, style.end)
	}
	s.newLife()
	s.fencing()
	s.hanging()
	s.add("ListTransactions", listTxns(nil))
	s.features()
	s.eligibleLeaders()
	return s.steps
}

func (s *script) txnRefusals() {
	s.add("InitProducerId empty id", initTxn("", nil))
	s.add("InitProducerId no time-out", initTxn("refused", func(b *broker, r *kmsg.InitProducerIDRequest) { r.TransactionTimeoutMillis = 0 }))
	s.add("InitProducerId long time-out", initTxn("refused", func(b *broker, r *kmsg.InitProducerIDRequest) { r.TransactionTimeoutMillis = 900001 }))
	s.add("InitProducerId id without epoch", initTxn("refused", func(b *broker, r *kmsg.InitProducerIDRequest) { r.ProducerID = 5 }), 3, 4, 5)
	s.add("InitProducerId epoch without id", initTxn("refused", func(b *broker, r *kmsg.InitProducerIDRequest) { r.ProducerEpoch = 5 }), 3, 4, 5)
	s.add("AddPartitionsToTxn unknown id", addPartitions("absent", "txn", nil, 0))
	s.add("AddPartitionsToTxn empty id", addPartitions("", "txn", nil, 0))
	s.add("AddPartitionsToTxn unknown topic", addPartitions("absent", "nosuch", nil, 0, 1))
	s.add("AddPartitionsToTxn some unknown", addPartitions("absent", "txn", nil, 0, 99))
	s.add("AddPartitionsToTxn internal topic", addPartitions("absent", "__consumer_offsets", nil, 0), 0, 1, 2, 3)
	s.add("AddOffsetsToTxn unknown id", addOffsets("absent", "g", nil))
	s.add("AddOffsetsToTxn empty id", addOffsets("", "g", nil))
	s.add("TxnOffsetCommit unknown id", commitInTxn("absent", "g", "txn", 3, nil), 0, 1, 2, 3, 4, 5)
	s.add("TxnOffsetCommit empty group", commitInTxn("absent", "", "txn", 3, nil), 0, 1, 2, 3, 4, 5)
	s.add("TxnOffsetCommit unknown topic", commitInTxn("absent", "g", "nosuch", 3, nil), 0, 1, 2, 3, 4, 5)
	s.add("EndTxn unknown id", endTxn("absent", true, nil))
	s.add("EndTxn empty id", endTxn("", true, nil))
	s.add("DescribeTransactions unknown and empty", describeTxns("absent", ""))
	s.add("DescribeTransactions none", describeTxns())
	s.add("ListTransactions unknown state", listTxns(func(r *kmsg.ListTransactionsRequest) { r.StateFilters = []string{"Nosuch", "Empty", "empty"} }))
	s.add("ListTransactions bad pattern", listTxns(func(r *kmsg.ListTransactionsRequest) { r.TransactionalIDPattern = text("(") }), 2)
	s.add("DescribeProducers unknown topic", describeProducers("nosuch", 0))
	s.add("DescribeProducers unknown partition", describeProducers("txn", 99))
	s.add("DescribeProducers bad name", describeProducers("no such", 0))
	s.add("DescribeProducers none yet", describeProducers("txn", 0, 1, 2))
	s.add("WriteTxnMarkers unknown topic", writeMarker("absent", "nosuch", true, nil, 0))
	s.add("WriteTxnMarkers unknown partition", writeMarker("absent", "txn", true, nil, 99))
	s.add("Produce transactional without an id", send("absent", "txn", 0, func(b *broker, t *batch, r *kmsg.ProduceRequest) { r.TransactionID = nil }))
	s.add("Produce of an unknown id", send("absent", "txn", 0, nil), 3, 7, 8, 9, 10, 11, 12)
}

// A client of before transaction.version 2: partitions are added first, the epoch stays.
func (s *script) oldLife(init, add, produce, offsets, commit, end int16) {
	id, g := fmt.Sprint("old", init, add, end), fmt.Sprint("oldgroup", init, add, end)
	topic := fmt.Sprint("txn-old", init, add, end)
	s.add("CreateTopics "+topic, create(topic, 2, 1, false, nil), 5)
	s.then("Metadata "+topic, metadata(topic), remember, 12)
	s.then("InitProducerId new", initTxn(id, nil), inited(id), init)
	s.add("DescribeTransactions empty", describeTxns(id))
	s.add("EndTxn of nothing", endTxn(id, true, nil), end)
	s.add("EndTxn abort of nothing", endTxn(id, false, nil), end)
	s.add("Produce not added", send(id, topic, 0, nil), produce)
	if produce >= 3 && produce <= 11 {
		verify := func(on string) {
			s.add("IncrementalAlterConfigs verification "+on, alterOf(kmsg.ConfigResourceTypeBroker, "", "transaction.partition.verification.enable", 0, text(on), false), 1)
		}
		verify("false")
		s.then("Produce not added, not verified", send(id, topic, 1, nil), nil, produce)
		verify("true")
	}
	s.add("AddPartitionsToTxn wrong epoch", addPartitions(id, topic, func(r *kmsg.AddPartitionsToTxnRequest) { r.ProducerEpoch += 5 }, 0), add)
	s.add("AddPartitionsToTxn wrong producer", addPartitions(id, topic, func(r *kmsg.AddPartitionsToTxnRequest) { r.ProducerID += 5 }, 0), add)
	s.add("AddPartitionsToTxn good", addPartitions(id, topic, nil, 0), add)
	s.add("AddPartitionsToTxn again", addPartitions(id, topic, nil, 0), add)
	s.add("AddPartitionsToTxn verify", addPartitions(id, topic, nil, 0, 1), 4, 5)
	s.add("DescribeTransactions ongoing", describeTxns(id))
	s.then("Produce first", send(id, topic, 0, nil), sent(id), produce)
	s.then("Produce second", send(id, topic, 0, nil), sent(id), produce)
	s.add("Produce repeated", send(id, topic, 0, func(b *broker, t *batch, r *kmsg.ProduceRequest) { t.sequence-- }), produce)
	s.add("Produce gap", send(id, topic, 0, func(b *broker, t *batch, r *kmsg.ProduceRequest) { t.sequence += 7 }), produce)
	s.add("Produce old epoch", send(id, topic, 0, func(b *broker, t *batch, r *kmsg.ProduceRequest) { t.epoch-- }), produce)
	s.add("Produce new epoch", send(id, topic, 0, func(b *broker, t *batch, r *kmsg.ProduceRequest) { t.epoch++ }), produce)
	s.add("Produce outside of the transaction", send(id, topic, 0, func(b *broker, t *batch, r *kmsg.ProduceRequest) { t.alter = nil }), produce)
	s.add("Produce other partition", send(id, topic, 1, func(b *broker, t *batch, r *kmsg.ProduceRequest) { t.sequence = 0 }), produce)
	s.addBare("Fetch committed, open", fetch(topic, 0, 0, committedOnly))
	s.addBare("Fetch uncommitted, open", fetch(topic, 0, 0, nil))
	s.add("ListOffsets committed, open", listOffsets(topic, 0, -1, 1))
	s.add("ListOffsets committed by time, open", listOffsets(topic, 0, 1, 1))
	s.add("DescribeProducers open", describeProducers(topic, 0, 1))
	s.add("TxnOffsetCommit not added", commitInTxn(id, g, topic, 7, nil), commit)
	s.add("AddOffsetsToTxn good", addOffsets(id, g, nil), offsets)
	s.add("TxnOffsetCommit wrong epoch", commitInTxn(id, g, topic, 7, func(r *kmsg.TxnOffsetCommitRequest) { r.ProducerEpoch += 5 }), commit)
	s.add("TxnOffsetCommit good", commitInTxn(id, g, topic, 7, nil), commit)
	s.add("OffsetFetch pending", fetchOffsets(g, topic, false, 0))
	s.add("OffsetFetch pending, stable", fetchOffsets(g, topic, true, 0), 7, 8, 9)
	s.add("EndTxn wrong epoch", endTxn(id, true, func(r *kmsg.EndTxnRequest) { r.ProducerEpoch += 5 }), end)
	s.add("EndTxn old epoch", endTxn(id, true, func(r *kmsg.EndTxnRequest) { r.ProducerEpoch-- }), end)
	s.add("EndTxn wrong producer", endTxn(id, true, func(r *kmsg.EndTxnRequest) { r.ProducerID += 5 }), end)
	s.then("EndTxn commit", endTxn(id, true, nil), ended(id), end)
	s.add("EndTxn commit again", settled(id, endTxn(id, true, nil)), end)
	s.add("EndTxn abort after commit", endTxn(id, false, nil), end)
	s.add("DescribeTransactions committed", describeTxns(id))
	s.add("OffsetFetch committed", fetchOffsets(g, topic, true, 0), 7)
	s.addBare("Fetch committed", fetch(topic, 0, 0, committedOnly))
	s.add("ListOffsets committed", listOffsets(topic, 0, -1, 1))
	s.add("DescribeProducers committed", describeProducers(topic, 0, 1))
	s.add("Produce after the end", send(id, topic, 0, nil), produce)
	s.add("AddPartitionsToTxn second", addPartitions(id, topic, nil, 0, 1), add)
	s.then("Produce to be aborted", send(id, topic, 0, nil), sent(id), produce)
	s.add("AddOffsetsToTxn second", addOffsets(id, g, nil), offsets)
	s.add("TxnOffsetCommit to be aborted", commitInTxn(id, g, topic, 9, nil), commit)
	s.then("EndTxn abort", endTxn(id, false, nil), ended(id), end)
	s.add("EndTxn abort again", settled(id, endTxn(id, false, nil)), end)
	s.add("EndTxn commit after abort", endTxn(id, true, nil), end)
	s.add("OffsetFetch aborted", fetchOffsets(g, topic, true, 0), 7)
	s.addBare("Fetch aborted", fetch(topic, 0, 0, committedOnly))
	s.addBare("Fetch aborted, behind", fetch(topic, 0, 3, committedOnly))
	s.add("DescribeProducers aborted", describeProducers(topic, 0, 1))
	s.then("InitProducerId again", initTxn(id, nil), inited(id), init)
	if init >= 3 {
		s.then("InitProducerId goes on", initTxn(id, func(b *broker, r *kmsg.InitProducerIDRequest) {
			r.ProducerID, r.ProducerEpoch = b.txn(id).producerID, b.txn(id).epoch
		}), inited(id), init)
		s.add("InitProducerId goes on a second time", initTxn(id, func(b *broker, r *kmsg.InitProducerIDRequest) {
			r.ProducerID, r.ProducerEpoch = b.txn(id).producerID, b.txn(id).epoch-1
		}), init)
		s.add("InitProducerId goes on too late", initTxn(id, func(b *broker, r *kmsg.InitProducerIDRequest) {
			r.ProducerID, r.ProducerEpoch = b.txn(id).producerID, b.txn(id).epoch-2
		}), init)
		s.add("InitProducerId of another producer", initTxn(id, func(b *broker, r *kmsg.InitProducerIDRequest) {
			r.ProducerID, r.ProducerEpoch = b.txn(id).producerID+999, b.txn(id).epoch
		}), init)
	}
}

// A client of transaction.version 2: partitions are added by Produce, offsets by TxnOffsetCommit, each end bumps the epoch.
func (s *script) newLife() {
	id, g, topic := "new", "newgroup", "txn-new"
	before := func(r *kmsg.EndTxnRequest) { r.ProducerEpoch-- }
	s.add("CreateTopics "+topic, create(topic, 2, 1, false, nil), 5)
	s.then("Metadata "+topic, metadata(topic), remember, 12)
	s.then("InitProducerId new", initTxn(id, nil), inited(id), 5)
	s.add("EndTxn commit of nothing", endTxn(id, true, nil), 5)
	s.then("EndTxn abort of nothing", endTxn(id, false, nil), ended(id), 5)
	s.add("EndTxn abort of nothing, repeated", settled(id, endTxn(id, false, before)), 5)
	s.then("Produce adds", send(id, topic, 0, nil), sent(id), 12)
	s.then("Produce goes on", send(id, topic, 0, nil), sent(id), 12)
	s.add("Produce wrong first sequence", send(id, topic, 1, func(b *broker, t *batch, r *kmsg.ProduceRequest) { t.sequence = 3 }), 12)
	s.add("Produce old epoch", send(id, topic, 0, func(b *broker, t *batch, r *kmsg.ProduceRequest) { t.epoch-- }), 12)
	s.add("Produce new epoch", send(id, topic, 0, func(b *broker, t *batch, r *kmsg.ProduceRequest) { t.epoch++; t.sequence = 0 }), 12)
	s.add("DescribeTransactions ongoing", describeTxns(id))
	s.add("TxnOffsetCommit adds", commitInTxn(id, g, topic, 5, nil), 5)
	s.add("TxnOffsetCommit old epoch", commitInTxn(id, g, topic, 5, func(r *kmsg.TxnOffsetCommitRequest) { r.ProducerEpoch-- }), 5)
	s.add("EndTxn wrong epoch", endTxn(id, true, func(r *kmsg.EndTxnRequest) { r.ProducerEpoch += 5 }), 5)
	s.then("EndTxn commit", endTxn(id, true, nil), ended(id), 5)
	s.add("EndTxn commit repeated", settled(id, endTxn(id, true, before)), 5)
	s.add("EndTxn abort repeated for a commit", endTxn(id, false, before), 5)
	s.add("EndTxn commit of nothing after commit", endTxn(id, true, nil), 5)
	s.then("EndTxn abort of nothing after commit", endTxn(id, false, nil), ended(id), 5)
	s.add("DescribeTransactions after it", settled(id, describeTxns(id)))
	s.add("OffsetFetch committed", fetchOffsets(g, topic, true, 0), 7)
	s.add("Produce of the transaction before", send(id, topic, 0, func(b *broker, t *batch, r *kmsg.ProduceRequest) { t.epoch--; t.sequence = 2 }), 12)
	s.then("Produce to be aborted", send(id, topic, 0, nil), sent(id), 12)
	s.then("Produce to be aborted, other partition", send(id, topic, 1, func(b *broker, t *batch, r *kmsg.ProduceRequest) { t.sequence = 0 }), nil, 12)
	s.then("EndTxn abort", endTxn(id, false, nil), ended(id), 5)
	s.addBare("Fetch aborted", settled(id, fetch(topic, 0, 0, committedOnly)), 11)
	s.addBare("Fetch aborted, other partition", fetch(topic, 1, 0, committedOnly), 11)
	s.add("DescribeProducers aborted", describeProducers(topic, 0, 1))
	s.add("ListOffsets committed", listOffsets(topic, 0, -1, 1))
}

// A second producer with the same id takes over while the first has a transaction open.
func (s *script) fencing() {
	for _, version := range []int16{2, 3, 4, 5} {
		id, topic := fmt.Sprint("fence", version), fmt.Sprint("txn-fence", version)
		s.add("CreateTopics "+topic, create(topic, 1, 1, false, nil), 5)
		s.then("Metadata "+topic, metadata(topic), remember, 12)
		s.then("InitProducerId first", initTxn(id, nil), inited(id), version)
		s.add("AddPartitionsToTxn first", addPartitions(id, topic, nil, 0), 3)
		s.then("Produce first", send(id, topic, 0, nil), sent(id), 11)
		s.add("InitProducerId second, too early", initTxn(id, nil), version)
		s.add("Produce fenced", settled(id, send(id, topic, 0, nil)), 9, 11)
		s.add("AddPartitionsToTxn fenced", addPartitions(id, topic, nil, 0), 0, 1, 2, 3)
		s.add("AddOffsetsToTxn fenced", addOffsets(id, "g", nil))
		s.add("EndTxn fenced", endTxn(id, true, nil))
		s.add("DescribeTransactions fenced", describeTxns(id))
		if version >= 3 {
			s.add("InitProducerId goes on", initTxn(id, func(b *broker, r *kmsg.InitProducerIDRequest) {
				r.ProducerID, r.ProducerEpoch = b.txn(id).producerID, b.txn(id).epoch
			}), version)
		}
		s.add("InitProducerId second", initTxn(id, nil), version)
		s.add("InitProducerId third", initTxn(id, nil), version)
		s.addBare("Fetch fenced", fetch(topic, 0, 0, committedOnly), 11)
		s.add("DescribeProducers fenced", describeProducers(topic, 0))
	}
}

// An administrator ends what hangs on a partition.
func (s *script) hanging() {
	id, topic := "hang", "txn-hang"
	s.add("CreateTopics "+topic, create(topic, 1, 1, false, nil), 5)
	s.then("Metadata "+topic, metadata(topic), remember, 12)
	s.then("InitProducerId", initTxn(id, nil), inited(id), 4)
	s.then("InitProducerId again", initTxn(id, nil), inited(id), 4)
	s.add("AddPartitionsToTxn", addPartitions(id, topic, nil, 0), 3)
	s.then("Produce", send(id, topic, 0, nil), sent(id), 11)
	s.add("WriteTxnMarkers old epoch", writeMarker(id, topic, false, func(m *kmsg.WriteTxnMarkersRequestMarker) { m.ProducerEpoch-- }, 0))
	s.add("WriteTxnMarkers abort", writeMarker(id, topic, false, nil, 0))
	s.addBare("Fetch after it", fetch(topic, 0, 0, committedOnly), 11)
	s.add("WriteTxnMarkers newer coordinator", writeMarker(id, topic, false, func(m *kmsg.WriteTxnMarkersRequestMarker) { m.CoordinatorEpoch = 9 }, 0))
	s.add("WriteTxnMarkers older coordinator", writeMarker(id, topic, false, func(m *kmsg.WriteTxnMarkersRequestMarker) { m.CoordinatorEpoch = 8 }, 0))
	s.add("DescribeProducers after it", describeProducers(topic, 0))
	s.add("Produce after it", send(id, topic, 0, nil), 11)
}

func updateFeatures(level int16, kind int8, validate bool, names ...string) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrUpdateFeaturesRequest()
		r.TimeoutMillis, r.ValidateOnly = 10000, validate
		for _, name := range names {
			f := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
			f.Feature, f.MaxVersionLevel, f.UpgradeType = name, level, kind
			r.FeatureUpdates = append(r.FeatureUpdates, f)
		}
		return r
	}
}

// Levels go down and up again; what follows is the same as before.
func (s *script) features() {
	s.add("UpdateFeatures none", updateFeatures(1, 1, false))
	s.add("UpdateFeatures unknown feature", updateFeatures(1, 1, false, "nosuch.version"))
	s.add("UpdateFeatures too high", updateFeatures(99, 1, false, "transaction.version"))
	s.add("UpdateFeatures negative", updateFeatures(-1, 1, false, "transaction.version"))
	s.add("UpdateFeatures unknown kind", updateFeatures(1, 0, false, "transaction.version"), 1, 2)
	s.add("UpdateFeatures down as an upgrade", updateFeatures(1, 1, false, "transaction.version"))
	s.add("UpdateFeatures same as a downgrade", updateFeatures(2, 2, true, "transaction.version"), 1, 2)
	s.add("UpdateFeatures validated only", updateFeatures(1, 2, true, "transaction.version"), 1, 2)
	s.add("UpdateFeatures down", updateFeatures(1, 2, false, "transaction.version"), 2)
	s.add("InitProducerId with version 1", initTxn("level1", nil), 4)
	s.add("UpdateFeatures up as a downgrade", updateFeatures(2, 2, false, "transaction.version"), 2)
	s.add("UpdateFeatures up", updateFeatures(2, 1, false, "transaction.version"), 2)
	s.add("UpdateFeatures metadata too high", updateFeatures(99, 1, false, "metadata.version"))
	s.add("UpdateFeatures metadata too low", updateFeatures(1, 2, false, "metadata.version"), 2)
}

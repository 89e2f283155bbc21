package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What no sensible client sends to a coordinator: ids as long as the protocol allows and longer, names with any characters,
// assignments and subscriptions that are no such thing or very large, numbers at their ends, things named twice.

var (
	longest = strings.Repeat("g", 32767)                                    // the longest string of old versions, and of the stored records
	longer  = strings.Repeat("g", 40000)                                    // only the newer versions carry it
	strange = "a b\x00\x01\n\t\"'\\/…∑😀%s$(x)"                              // any characters, all of them UTF-8
	noise   = []byte("\x00\x01\x7f\xff\xff\xff not a subscription\x80\xfe") // of 2,147,483,647 topics
)

func extremeSteps() []step {
	s := &script{}
	s.names()
	s.sizes()
	s.numbers()
	s.repetitions()
	s.extremeTransactions()
	return s.steps
}

// The versions from which on strings may be longer than an int16 says.
var flexibleFrom = map[string][]int16{"FindCoordinator": {3, 4, 6}, "JoinGroup": {6, 9}, "SyncGroup": {4, 5}, "Heartbeat": {4},
	"LeaveGroup": {4, 5}, "OffsetCommit": {8, 9, 10}, "OffsetFetch": {6, 8, 9, 10}, "DescribeGroups": {5}, "DeleteGroups": {2}}

func (s *script) names() {
	for name, id := range map[string]string{"longest": longest, "longer": longer, "strange": strange} {
		versions := func(api string) []int16 {
			if id == longer {
				return flexibleFrom[api]
			}
			return nil
		}
		s.add("FindCoordinator "+name, findCoordinator(0, id), versions("FindCoordinator")...)
		s.add("Heartbeat "+name, heartbeat(id, nil), versions("Heartbeat")...)
		s.add("LeaveGroup "+name, leave(id, "", nil), versions("LeaveGroup")...)
		s.add("SyncGroup "+name, sync(id, nil), versions("SyncGroup")...)
		s.add("OffsetFetch "+name, fetchOffsets(id, "plain", false, 0), versions("OffsetFetch")...)
		s.add("OffsetCommit "+name, commit(id, "plain", 0, 5, nil), versions("OffsetCommit")...)
		s.add("OffsetFetch committed "+name, fetchOffsets(id, "plain", false, 0), versions("OffsetFetch")...)
		s.add("DescribeGroups "+name, describeGroups(id), versions("DescribeGroups")...)
		s.add("OffsetDelete "+name, deleteOffsets(id, "plain", 0), 0)
		s.add("DeleteGroups "+name, deleteGroups(id), versions("DeleteGroups")...)
		s.add("JoinGroup "+name, join(id+"j", func(b *broker, r *kmsg.JoinGroupRequest) { r.MemberID = "nobody" }), 6, 9)
		s.add("DescribeGroups member "+name, describeGroups("absent-"+name))
	}
	s.settle("strange"+strange, 9)
	s.add("DescribeGroups of a strange name", describeGroups("strange"+strange), 5)
	s.add("LeaveGroup of a strange name", leave("strange"+strange, "", nil), 5)
	s.add("Heartbeat long member id", heartbeat("g", func(b *broker, r *kmsg.HeartbeatRequest) { r.MemberID = longest }))
	s.add("Heartbeat long instance id", heartbeat("g", func(b *broker, r *kmsg.HeartbeatRequest) { r.InstanceID = text(longest) }), 3, 4)
	s.add("JoinGroup long protocol type", join("g-type", func(b *broker, r *kmsg.JoinGroupRequest) { r.ProtocolType = longest }), 9)
	s.add("JoinGroup empty protocol name", join("g-name", func(b *broker, r *kmsg.JoinGroupRequest) { r.Protocols[0].Name = "" }), 9)
	s.add("JoinGroup empty instance id", join("g-instance", func(b *broker, r *kmsg.JoinGroupRequest) {
		r.InstanceID, r.MemberID = text(""), "nobody"
	}), 9)
}

// One member with a subscription and an assignment of any bytes; the last ones do not fit into one batch of the log.
func (s *script) sizes() {
	contents := []struct {
		name  string
		bytes []byte
	}{{"empty", []byte{}}, {"noise", noise}, {"large", make([]byte, 900_000)}, {"too large", make([]byte, 1_100_000)}}
	for _, subscription := range contents {
		if subscription.name == "noise" { // Kafka never answers such a member
			continue
		}
		for _, assignment := range contents[:3] {
			if subscription.name != "empty" && assignment.name != "empty" && subscription.name != assignment.name {
				continue
			}
			s.member(subscription.name, subscription.bytes, assignment.name, assignment.bytes)
		}
	}
	s.member("empty", []byte{}, "too large", contents[3].bytes)
}

func (s *script) member(subscription string, subscriptionBytes []byte, assignment string, assignmentBytes []byte) {
	g := "bytes " + subscription + " " + assignment
	subscribes := join(g, func(b *broker, r *kmsg.JoinGroupRequest) { r.Protocols[0].Metadata = subscriptionBytes })
	s.then("JoinGroup "+g, subscribes, joined(g), 9)
	s.then("JoinGroup with its id "+g, subscribes, joined(g), 9)
	s.add("SyncGroup "+g, sync(g, func(b *broker, r *kmsg.SyncGroupRequest) { r.GroupAssignment[0].MemberAssignment = assignmentBytes }), 5)
	s.add("DescribeGroups "+g, describeGroups(g), 5)
	s.add("OffsetDelete "+g, deleteOffsets(g, "plain", 0), 0)
	s.add("LeaveGroup "+g, leave(g, "", nil), 5)
}

func (s *script) numbers() {
	g := "numbers"
	for _, offset := range []int64{math.MaxInt64, math.MaxInt64 - 1, -1, math.MinInt64, 1 << 40} {
		s.add(fmt.Sprint("OffsetCommit offset ", offset), commit(g, "plain", 0, offset, nil))
		s.add(fmt.Sprint("OffsetFetch offset ", offset), fetchOffsets(g, "plain", false, 0))
	}
	for _, partition := range []int32{-1, math.MaxInt32, math.MinInt32} {
		s.add(fmt.Sprint("OffsetCommit partition ", partition), commit(g, "plain", partition, 1, nil))
		s.add(fmt.Sprint("OffsetFetch partition ", partition), fetchOffsets(g, "plain", false, partition, 0))
		s.add(fmt.Sprint("OffsetDelete partition ", partition), deleteOffsets(g, "plain", partition, 0), 0)
	}
	for _, epoch := range []int32{-1, math.MaxInt32, math.MinInt32} {
		s.add(fmt.Sprint("OffsetCommit leader epoch ", epoch), commit(g, "plain", 0, 1, func(b *broker, r *kmsg.OffsetCommitRequest) {
			r.Topics[0].Partitions[0].LeaderEpoch = epoch
		}), 6, 7, 8, 9, 10)
		s.add(fmt.Sprint("OffsetFetch leader epoch ", epoch), fetchOffsets(g, "plain", false, 0), 5, 8, 10)
	}
	for _, generation := range []int32{math.MaxInt32, math.MinInt32, -2} {
		s.add(fmt.Sprint("OffsetCommit generation ", generation), commit("numbers-absent", "plain", 0, 1, func(b *broker, r *kmsg.OffsetCommitRequest) {
			r.Generation = generation
		}))
		s.add(fmt.Sprint("Heartbeat generation ", generation), heartbeat(g, func(b *broker, r *kmsg.HeartbeatRequest) { r.Generation = generation }))
	}
	for _, ms := range []int32{0, -1, math.MinInt32, math.MaxInt32} {
		s.add(fmt.Sprint("JoinGroup session ", ms), join("refused", func(b *broker, r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis = ms }))
	}
	s.add("OffsetCommit retention", commit(g, "plain", 1, 3, func(b *broker, r *kmsg.OffsetCommitRequest) { r.RetentionTimeMillis = math.MaxInt64 }), 2, 3, 4)
	s.add("OffsetFetch retention", fetchOffsets(g, "plain", false, 1), 2, 9)
}

func (s *script) repetitions() {
	g := "repeated"
	s.add("OffsetCommit a partition twice", commit(g, "plain", 0, 1, func(b *broker, r *kmsg.OffsetCommitRequest) {
		again := r.Topics[0].Partitions[0]
		again.Offset = 2
		r.Topics[0].Partitions = append(r.Topics[0].Partitions, again)
	}))
	s.add("OffsetFetch after it", fetchOffsets(g, "plain", false, 0))
	s.add("OffsetCommit a topic twice", commit(g, "plain", 0, 3, func(b *broker, r *kmsg.OffsetCommitRequest) {
		again := kmsg.NewOffsetCommitRequestTopic()
		again.Topic, again.TopicID = r.Topics[0].Topic, r.Topics[0].TopicID
		partition := r.Topics[0].Partitions[0]
		partition.Partition, partition.Offset = 1, 4
		again.Partitions = append(again.Partitions, partition)
		r.Topics = append(r.Topics, again)
	}), 2, 5, 8, 9)
	s.add("OffsetFetch after both", fetchOffsets(g, "plain", false, 0, 1))
	s.add("OffsetFetch a partition twice", fetchOffsets(g, "plain", false, 0, 0, 1))
	s.add("OffsetDelete a partition twice", deleteOffsets(g, "plain", 0, 0), 0)
	s.add("DescribeGroups twice", describeGroups(g, g))
	s.add("DeleteGroups twice", deleteGroups(g, g))
	s.add("FindCoordinator twice", findCoordinator(0, g, g), 4, 5, 6)
	m := "repeated-member"
	s.settle(m, 9)
	s.add("SyncGroup of strangers", sync(m, func(b *broker, r *kmsg.SyncGroupRequest) {
		stranger := kmsg.NewSyncGroupRequestGroupAssignment()
		stranger.MemberID, stranger.MemberAssignment = "stranger", noise
		r.GroupAssignment = append(r.GroupAssignment, stranger, stranger)
	}), 5)
	s.add("LeaveGroup twice at once", leave(m, "", func(b *broker, r *kmsg.LeaveGroupRequest) {
		r.Members = append(r.Members, r.Members[0])
	}), 5)
	s.add("LeaveGroup id and instance of nobody", leave(m, "", func(b *broker, r *kmsg.LeaveGroupRequest) {
		r.Members[0].MemberID, r.Members[0].InstanceID = "", nil
	}), 5)
}

func (s *script) extremeTransactions() {
	for name, id := range map[string]string{"longest": strings.Repeat("t", 32767), "strange": strange} {
		s.then("InitProducerId "+name, initTxn(id, nil), inited(id), 5)
		s.add("AddPartitionsToTxn "+name, addPartitions(id, "txn", nil, 0), 3)
		s.add("AddOffsetsToTxn "+name, addOffsets(id, "g-"+name, nil), 3)
		s.add("TxnOffsetCommit beyond the end "+name, commitInTxn(id, "g-"+name, "txn", math.MaxInt64, nil), 3)
		s.add("TxnOffsetCommit negative "+name, commitInTxn(id, "g-"+name, "txn", -7, nil), 3)
		s.add("TxnOffsetCommit large metadata "+name, commitInTxn(id, "g-"+name, "txn", 3, func(r *kmsg.TxnOffsetCommitRequest) {
			r.Topics[0].Partitions[0].Metadata = text(strings.Repeat("m", 5000))
		}), 3)
		s.add("DescribeTransactions "+name, describeTxns(id))
		s.then("EndTxn "+name, settled(id, endTxn(id, false, nil)), ended(id), 3)
	}
	long := strings.Repeat("t", 40000)
	s.add("InitProducerId longer", initTxn(long, nil), 2, 5)
	s.add("AddPartitionsToTxn longer", addPartitions(long, "txn", nil, 0), 3)
	s.add("EndTxn longer", endTxn(long, true, nil), 3)
	s.add("DescribeTransactions longer", describeTxns(long))
	s.then("InitProducerId twice", initTxn("twice", nil), inited("twice"), 5)
	s.add("AddPartitionsToTxn a partition twice", addPartitions("twice", "txn", nil, 1, 1), 0, 3)
	s.add("AddPartitionsToTxn negative partition", addPartitions("twice", "txn", nil, -1), 0, 3)
	s.add("AddPartitionsToTxn nothing", addPartitions("twice", "txn", nil), 0, 3)
	s.add("EndTxn twice", settled("twice", endTxn("twice", true, nil)), 3)
}

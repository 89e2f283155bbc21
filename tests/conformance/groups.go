package main

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What a broker has told a member of a group: its id and generation.
type membership struct {
	id         string
	generation int32
}

func (b *broker) member(group string) *membership {
	if b.members[group] == nil {
		b.members[group] = &membership{generation: -1}
	}
	return b.members[group]
}

// The coordinators' topics are made by the first question, their partitions loaded a little later.
func (b *broker) warmUpGroups() {
	for i := 0; i < 200; i++ {
		find := kmsg.NewPtrFindCoordinatorRequest()
		find.CoordinatorKey = "warm"
		answer, err := b.send(find, 3)
		good := err == nil && answer.(*kmsg.FindCoordinatorResponse).ErrorCode == 0
		for k := 0; good && k < 40; k++ { // some of them for each partition
			fetch := kmsg.NewPtrOffsetFetchRequest()
			fetch.Group = fmt.Sprint("warm", k)
			fetch.Topics = nil
			answer, err := b.send(fetch, 7)
			good = err == nil && answer.(*kmsg.OffsetFetchResponse).ErrorCode == 0
		}
		find.CoordinatorType = 1
		if good {
			answer, err = b.send(find, 3)
			good = err == nil && answer.(*kmsg.FindCoordinatorResponse).ErrorCode == 0
		}
		for k := 0; good && k < 40; k++ {
			end := kmsg.NewPtrEndTxnRequest()
			end.TransactionalID = fmt.Sprint("warm", k)
			answer, err := b.send(end, 3)
			good = err == nil && answer.(*kmsg.EndTxnResponse).ErrorCode == 49 // INVALID_PRODUCER_ID_MAPPING
		}
		if good {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// ConsumerProtocolSubscription of one topic, as every client writes it.
var subscribed = []byte("\x00\x01\x00\x00\x00\x01\x00\x05plain\xff\xff\xff\xff\x00\x00\x00\x00")

func text(v string) *string { return &v }

func join(group string, change func(b *broker, r *kmsg.JoinGroupRequest)) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrJoinGroupRequest()
		r.Group, r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = group, 60000, 60000
		r.MemberID, r.ProtocolType = b.member(group).id, "consumer"
		p := kmsg.NewJoinGroupRequestProtocol()
		p.Name, p.Metadata = "range", subscribed
		r.Protocols = append(r.Protocols, p)
		if change != nil {
			change(b, r)
		}
		return r
	}
}

func joined(group string) func(b *broker, answer message) {
	return func(b *broker, answer message) {
		a := answer.(*kmsg.JoinGroupResponse)
		if a.ErrorCode == 79 || a.ErrorCode == 0 { // MEMBER_ID_REQUIRED
			b.member(group).id = a.MemberID
		}
		if a.ErrorCode == 0 {
			b.member(group).generation = a.Generation
		}
	}
}

func sync(group string, change func(b *broker, r *kmsg.SyncGroupRequest)) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrSyncGroupRequest()
		r.Group, r.Generation, r.MemberID = group, b.member(group).generation, b.member(group).id
		r.ProtocolType, r.Protocol = text("consumer"), text("range")
		a := kmsg.NewSyncGroupRequestGroupAssignment()
		a.MemberID, a.MemberAssignment = r.MemberID, []byte("assigned")
		r.GroupAssignment = append(r.GroupAssignment, a)
		if change != nil {
			change(b, r)
		}
		return r
	}
}

func heartbeat(group string, change func(b *broker, r *kmsg.HeartbeatRequest)) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrHeartbeatRequest()
		r.Group, r.Generation, r.MemberID = group, b.member(group).generation, b.member(group).id
		if change != nil {
			change(b, r)
		}
		return r
	}
}

func leave(group, instance string, change func(b *broker, r *kmsg.LeaveGroupRequest)) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrLeaveGroupRequest()
		r.Group, r.MemberID = group, b.member(group).id
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID = r.MemberID
		if instance != "" {
			m.MemberID, m.InstanceID = "", text(instance)
		}
		r.Members = append(r.Members, m)
		if change != nil {
			change(b, r)
		}
		return r
	}
}

func commit(group, topic string, partition int32, offset int64, change func(b *broker, r *kmsg.OffsetCommitRequest)) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrOffsetCommitRequest()
		r.Group, r.Generation, r.MemberID = group, b.member(group).generation, b.member(group).id
		t := kmsg.NewOffsetCommitRequestTopic()
		t.Topic, t.TopicID = topic, b.topicIDs[topic]
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = partition, offset, 0, text("note")
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
		if change != nil {
			change(b, r)
		}
		return r
	}
}

// topic "": all offsets.
func fetchOffsets(group, topic string, stable bool, partitions ...int32) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrOffsetFetchRequest()
		r.Group, r.RequireStable = group, stable
		g := kmsg.NewOffsetFetchRequestGroup()
		g.Group = group
		if topic != "" {
			t := kmsg.NewOffsetFetchRequestTopic()
			t.Topic, t.Partitions = topic, partitions
			r.Topics = append(r.Topics, t)
			n := kmsg.NewOffsetFetchRequestGroupTopic()
			n.Topic, n.TopicID, n.Partitions = topic, b.topicIDs[topic], partitions
			g.Topics = append(g.Topics, n)
		}
		r.Groups = append(r.Groups, g)
		return r
	}
}

func describeGroups(groups ...string) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrDescribeGroupsRequest()
		r.Groups, r.IncludeAuthorizedOperations = groups, true
		return r
	}
}

func deleteGroups(groups ...string) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrDeleteGroupsRequest()
		r.Groups = groups
		return r
	}
}

func deleteOffsets(group, topic string, partitions ...int32) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrOffsetDeleteRequest()
		r.Group = group
		t := kmsg.NewOffsetDeleteRequestTopic()
		t.Topic = topic
		for _, index := range partitions {
			p := kmsg.NewOffsetDeleteRequestTopicPartition()
			p.Partition = index
			t.Partitions = append(t.Partitions, p)
		}
		r.Topics = append(r.Topics, t)
		return r
	}
}

func listGroups(change func(r *kmsg.ListGroupsRequest)) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrListGroupsRequest()
		if change != nil {
			change(r)
		}
		return r
	}
}

func findCoordinator(kind int8, keys ...string) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrFindCoordinatorRequest()
		r.CoordinatorType, r.CoordinatorKeys = kind, keys
		if len(keys) > 0 {
			r.CoordinatorKey = keys[0]
		}
		return r
	}
}

type script struct{ steps []step }

func (s *script) add(name string, request func(b *broker) message, versions ...int16) {
	s.steps = append(s.steps, step{name: name, request: request, versions: versions})
}

func (s *script) then(name string, request func(b *broker) message, after func(b *broker, answer message), version int16) {
	s.steps = append(s.steps, step{name: name, request: request, after: after, versions: last(version)})
}

// Both steps of a dynamic member; the group's settings for its first rebalance are short.
func (s *script) settle(group string, version int16) {
	s.then("JoinGroup first", join(group, nil), joined(group), version)
	if version >= 4 {
		s.then("JoinGroup with its id", join(group, nil), joined(group), version)
	}
	s.add("SyncGroup of the leader", sync(group, nil), min(version, 5))
}

func groupSteps() []step {
	s := &script{}
	s.add("FindCoordinator group", findCoordinator(0, "g"))
	s.add("FindCoordinator several", findCoordinator(0, "g", "h", ""), 4, 5, 6)
	s.add("FindCoordinator none", findCoordinator(0), 4, 5, 6)
	s.add("FindCoordinator share", findCoordinator(2, "g"), 1, 3, 4, 5)
	s.add("FindCoordinator unknown kind", findCoordinator(9, "g"))
	s.refusals()
	for version := int16(0); version <= 9; version++ {
		s.life(version)
	}
	for version := int16(5); version <= 9; version++ {
		s.static(version)
	}
	s.offsets()
	s.administration()
	return s.steps
}

func (s *script) refusals() {
	s.add("JoinGroup empty group", join("", nil))
	s.add("JoinGroup short session", join("refused", func(b *broker, r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis = 5 }))
	s.add("JoinGroup long session", join("refused", func(b *broker, r *kmsg.JoinGroupRequest) { r.SessionTimeoutMillis = 1 << 30 }))
	s.add("JoinGroup unknown member", join("refused", func(b *broker, r *kmsg.JoinGroupRequest) { r.MemberID = "nobody" }))
	s.add("JoinGroup no protocols", join("refused", func(b *broker, r *kmsg.JoinGroupRequest) { r.Protocols = nil }))
	s.add("JoinGroup no protocol type", join("refused", func(b *broker, r *kmsg.JoinGroupRequest) { r.ProtocolType = "" }))
	s.add("SyncGroup unknown group", sync("absent", nil))
	s.add("SyncGroup empty group", sync("", nil))
	s.add("SyncGroup no protocol", sync("absent", func(b *broker, r *kmsg.SyncGroupRequest) { r.Protocol = nil }), 5)
	s.add("Heartbeat unknown group", heartbeat("absent", nil))
	s.add("Heartbeat empty group", heartbeat("", nil))
	s.add("LeaveGroup unknown group", leave("absent", "", nil))
	s.add("LeaveGroup empty group", leave("", "", nil))
	s.add("LeaveGroup nobody", leave("absent", "", func(b *broker, r *kmsg.LeaveGroupRequest) { r.Members = nil }), 3, 4, 5)
	s.add("OffsetCommit unknown group with generation", commit("absent", "plain", 0, 1, func(b *broker, r *kmsg.OffsetCommitRequest) { r.Generation = 3 }))
	s.add("OffsetFetch unknown group", fetchOffsets("absent", "plain", false, 0, 1))
	s.add("OffsetFetch all of an unknown group", fetchOffsets("absent", "", false))
	s.add("OffsetDelete unknown group", deleteOffsets("absent", "plain", 0))
	s.add("OffsetDelete empty group", deleteOffsets("", "plain", 0))
	s.add("DescribeGroups unknown", describeGroups("absent", ""))
	s.add("DeleteGroups unknown", deleteGroups("absent", "", "absent"))
}

// One member from its first join to its leaving.
func (s *script) life(version int16) {
	g := fmt.Sprint("life", version)
	s.then("JoinGroup first", join(g, nil), joined(g), version)
	if version < 4 {
		s.add("DescribeGroups at the first join", describeGroups(g))
	} else { // only its id was given out: Kafka describes the group as Empty or Dead, as its last write has come through or not
		s.add("Heartbeat of an id that has not joined", heartbeat(g, nil))
		s.then("JoinGroup with its id", join(g, nil), joined(g), version)
	}
	s.add("DescribeGroups completing", describeGroups(g))
	s.add("Heartbeat completing", heartbeat(g, nil))
	s.add("Heartbeat wrong generation", heartbeat(g, func(b *broker, r *kmsg.HeartbeatRequest) { r.Generation += 5 }))
	s.add("Heartbeat wrong member", heartbeat(g, func(b *broker, r *kmsg.HeartbeatRequest) { r.MemberID = "nobody" }))
	s.add("Heartbeat unknown instance", heartbeat(g, func(b *broker, r *kmsg.HeartbeatRequest) { r.InstanceID = text("i") }))
	s.add("OffsetCommit completing", commit(g, "plain", 0, 1, nil))
	s.add("JoinGroup again completing", join(g, nil), version)
	s.add("SyncGroup wrong generation", sync(g, func(b *broker, r *kmsg.SyncGroupRequest) { r.Generation += 5 }))
	s.add("SyncGroup wrong member", sync(g, func(b *broker, r *kmsg.SyncGroupRequest) { r.MemberID = "nobody" }))
	s.add("SyncGroup wrong protocol", sync(g, func(b *broker, r *kmsg.SyncGroupRequest) { r.Protocol = text("x") }), 5)
	s.add("SyncGroup good", sync(g, nil))
	s.add("DescribeGroups stable", describeGroups(g))
	s.add("Heartbeat stable", heartbeat(g, nil))
	s.add("OffsetCommit stable", commit(g, "plain", 0, 11, nil))
	s.add("OffsetCommit wrong generation", commit(g, "plain", 0, 12, func(b *broker, r *kmsg.OffsetCommitRequest) { r.Generation += 5 }))
	s.add("OffsetCommit wrong member", commit(g, "plain", 0, 12, func(b *broker, r *kmsg.OffsetCommitRequest) { r.MemberID = "nobody" }))
	s.add("OffsetCommit without member", commit(g, "plain", 0, 12, func(b *broker, r *kmsg.OffsetCommitRequest) { r.MemberID, r.Generation = "", -1 }))
	s.add("OffsetDelete subscribed", deleteOffsets(g, "plain", 0, 1))
	s.add("OffsetDelete not subscribed", deleteOffsets(g, "small", 0, 7))
	s.add("DeleteGroups stable", deleteGroups(g))
	s.add("JoinGroup other protocol", join(g, func(b *broker, r *kmsg.JoinGroupRequest) { r.Protocols[0].Name = "x" }), version)
	s.add("JoinGroup other type", join(g, func(b *broker, r *kmsg.JoinGroupRequest) { r.ProtocolType = "connect" }), version)
	s.then("JoinGroup leader again", join(g, nil), joined(g), version)
	s.add("SyncGroup second generation", sync(g, nil))
	s.add("LeaveGroup unknown member", leave(g, "", func(b *broker, r *kmsg.LeaveGroupRequest) {
		r.MemberID = "nobody"
		r.Members[0].MemberID = "nobody"
	}))
	s.add("LeaveGroup", leave(g, "", nil), min(version, 5))
	s.add("LeaveGroup again", leave(g, "", nil))
	s.add("DescribeGroups empty", describeGroups(g))
	s.add("Heartbeat empty", heartbeat(g, nil))
	s.add("SyncGroup empty", sync(g, nil))
	s.add("OffsetCommit to an empty group with generation", commit(g, "plain", 0, 13, nil))
	s.add("OffsetFetch of the group", fetchOffsets(g, "plain", false, 0, 1))
}

// A member with an instance id that comes back, is fenced and removed by an administrator.
func (s *script) static(version int16) {
	g := fmt.Sprint("static", version)
	as := func(change func(b *broker, r *kmsg.JoinGroupRequest)) func(b *broker) message {
		return join(g, func(b *broker, r *kmsg.JoinGroupRequest) {
			r.InstanceID = text("one")
			if change != nil {
				change(b, r)
			}
		})
	}
	named := func(b *broker, r *kmsg.SyncGroupRequest) { r.InstanceID = text("one") }
	s.then("JoinGroup static", as(nil), joined(g), version)
	s.add("SyncGroup static", sync(g, named), 3, 5)
	s.add("DescribeGroups static", describeGroups(g))
	old := &membership{}
	s.then("JoinGroup static back", as(func(b *broker, r *kmsg.JoinGroupRequest) {
		*old = *b.member(g)
		r.MemberID = ""
	}), joined(g), version)
	s.add("DescribeGroups static back", describeGroups(g))
	s.add("Heartbeat fenced", heartbeat(g, func(b *broker, r *kmsg.HeartbeatRequest) {
		r.InstanceID, r.MemberID = text("one"), "somebody-else"
	}), 3, 4)
	s.add("Heartbeat static", heartbeat(g, func(b *broker, r *kmsg.HeartbeatRequest) { r.InstanceID = text("one") }), 3, 4)
	s.add("SyncGroup static back", sync(g, named), 5)
	s.add("OffsetCommit fenced", commit(g, "plain", 0, 1, func(b *broker, r *kmsg.OffsetCommitRequest) {
		r.InstanceID, r.MemberID = text("one"), "somebody-else"
	}), 7, 8, 9)
	s.add("JoinGroup fenced", as(func(b *broker, r *kmsg.JoinGroupRequest) { r.MemberID = "somebody-else" }), version)
	s.add("LeaveGroup unknown instance", leave(g, "two", nil), 3, 4, 5)
	s.add("LeaveGroup by instance", leave(g, "one", nil), 3+version%3)
	s.add("DescribeGroups static gone", describeGroups(g))
}

func (s *script) offsets() {
	g := "simple"
	s.add("OffsetCommit simple", commit(g, "plain", 0, 5, nil))
	s.add("OffsetCommit simple second topic", commit(g, "small", 1, 7, nil), 8)
	s.add("OffsetCommit unknown topic", commit(g, "absent", 0, 5, nil))
	s.add("OffsetCommit unknown partition", commit(g, "plain", 9, 5, nil))
	s.add("OffsetCommit negative", commit(g, "plain", 1, -5, nil))
	s.add("OffsetCommit large metadata", commit(g, "plain", 0, 6, func(b *broker, r *kmsg.OffsetCommitRequest) {
		r.Topics[0].Partitions[0].Metadata = text(string(make([]byte, 5000)))
	}))
	s.add("OffsetCommit longest metadata", commit(g, "plain", 0, 6, func(b *broker, r *kmsg.OffsetCommitRequest) {
		note := ""
		for i := 0; i < 4096; i++ {
			note += "é"
		}
		r.Topics[0].Partitions[0].Metadata = &note
	}))
	s.add("OffsetCommit null metadata", commit(g, "plain", 0, 6, func(b *broker, r *kmsg.OffsetCommitRequest) {
		r.Topics[0].Partitions[0].Metadata = nil
	}))
	s.add("OffsetCommit empty group id", commit("", "plain", 0, 6, nil))
	s.add("OffsetCommit nothing", commit(g, "plain", 0, 6, func(b *broker, r *kmsg.OffsetCommitRequest) { r.Topics = nil }))
	s.add("OffsetCommit mixed", commit(g, "plain", 0, 8, func(b *broker, r *kmsg.OffsetCommitRequest) {
		p := r.Topics[0].Partitions[0]
		p.Partition = 9
		r.Topics[0].Partitions = append(r.Topics[0].Partitions, p)
		other := kmsg.NewOffsetCommitRequestTopic()
		other.Topic, other.Partitions = "absent", r.Topics[0].Partitions[:1]
		r.Topics = append(r.Topics, other)
	}), 2, 5, 9)
	s.add("OffsetFetch simple", fetchOffsets(g, "plain", false, 0, 1, 9))
	s.add("OffsetFetch simple stable", fetchOffsets(g, "plain", true, 0), 7, 8, 9, 10)
	s.add("OffsetFetch unknown topic", fetchOffsets(g, "absent", false, 0))
	s.add("OffsetFetch all", fetchOffsets(g, "", false), 1, 2, 3, 4, 5, 6, 7, 8, 9)
	s.add("OffsetFetch all by id", fetchOffsets("life1", "", false), 10)
	s.add("OffsetFetch empty group id", fetchOffsets("", "plain", false, 0))
	s.add("OffsetFetch several groups", func(b *broker) message {
		r := fetchOffsets(g, "plain", false, 0)(b).(*kmsg.OffsetFetchRequest)
		other := kmsg.NewOffsetFetchRequestGroup()
		other.Group = "absent"
		r.Groups = append(r.Groups, other)
		return r
	}, 8, 9, 10)
	s.add("DescribeGroups simple", describeGroups(g))
	s.add("OffsetDelete simple", deleteOffsets(g, "plain", 0, 1, 9))
	s.add("OffsetDelete unknown topic", deleteOffsets(g, "absent", 0))
	s.add("OffsetFetch after delete", fetchOffsets(g, "", false), 8)
}

func (s *script) administration() {
	s.add("ListGroups", listGroups(nil))
	s.add("ListGroups empty ones", listGroups(func(r *kmsg.ListGroupsRequest) { r.StatesFilter = []string{"eMpty "} }), 4, 5)
	s.add("ListGroups stable ones", listGroups(func(r *kmsg.ListGroupsRequest) { r.StatesFilter = []string{"Stable", "Dead"} }), 4, 5)
	s.add("ListGroups unknown state", listGroups(func(r *kmsg.ListGroupsRequest) { r.StatesFilter = []string{"x"} }), 4, 5)
	s.add("ListGroups classic ones", listGroups(func(r *kmsg.ListGroupsRequest) { r.TypesFilter = []string{"Classic"} }), 5)
	s.add("ListGroups consumer ones", listGroups(func(r *kmsg.ListGroupsRequest) { r.TypesFilter = []string{"consumer"} }), 5)
	s.add("ListGroups unknown type", listGroups(func(r *kmsg.ListGroupsRequest) { r.TypesFilter = []string{"x"} }), 5)
	s.add("DeleteGroups several", deleteGroups("simple", "life0", "absent", "simple"), 2)
	s.add("OffsetFetch of a deleted group", fetchOffsets("life0", "plain", false, 0))
	s.add("DescribeGroups deleted", describeGroups("life0"))
	s.settle("again", 9)
	s.add("OffsetCommit before the topic goes", commit("again", "packed", 0, 3, nil), 9)
}

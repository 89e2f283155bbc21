package main

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Requests to the controller whose time is over before it begins.
func hurriedSteps() []step {
	s := &script{}
	for _, ms := range []int32{0, -1} {
		name := fmt.Sprint("hurried", ms)
		s.add("CreateTopics "+name, within(ms, create(name, 1, 1, false, nil)))
		s.add("CreateTopics validate "+name, within(ms, create(name, 1, 1, true, nil)))
		s.add("CreateTopics bad name "+name, within(ms, create("a b", 1, 1, false, nil)))
		s.add("CreateTopics internal "+name, within(ms, create("__cluster_metadata", 1, 1, false, nil)))
		for _, topic := range []string{"plain", "absent"} {
			s.add("CreatePartitions "+topic+" "+name, func(b *broker) message {
				r, t := kmsg.NewPtrCreatePartitionsRequest(), kmsg.NewCreatePartitionsRequestTopic()
				r.TimeoutMillis, t.Topic, t.Count = ms, topic, 40
				r.Topics = append(r.Topics, t)
				return r
			})
			s.add("DeleteTopics "+topic+" "+name, func(b *broker) message {
				r, t := kmsg.NewPtrDeleteTopicsRequest(), kmsg.NewDeleteTopicsRequestTopic()
				r.TimeoutMillis, t.Topic = ms, &topic
				r.Topics, r.TopicNames = append(r.Topics, t), append(r.TopicNames, topic)
				return r
			})
			s.add("ElectLeaders "+topic+" "+name, func(b *broker) message {
				r, t := kmsg.NewPtrElectLeadersRequest(), kmsg.NewElectLeadersRequestTopic()
				r.TimeoutMillis, t.Topic, t.Partitions = ms, topic, []int32{0}
				r.Topics = append(r.Topics, t)
				return r
			})
			s.add("AlterPartitionReassignments "+topic+" "+name, func(b *broker) message {
				r, t := kmsg.NewPtrAlterPartitionAssignmentsRequest(), kmsg.NewAlterPartitionAssignmentsRequestTopic()
				p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
				r.TimeoutMillis, t.Topic, p.Replicas = ms, topic, []int32{1}
				t.Partitions = append(t.Partitions, p)
				r.Topics = append(r.Topics, t)
				return r
			})
		}
		s.add("ElectLeaders all "+name, func(b *broker) message {
			r := kmsg.NewPtrElectLeadersRequest()
			r.TimeoutMillis = ms
			return r
		})
		s.add("UpdateFeatures "+name, within(ms, updateFeatures(1, 1, false, "nosuch.version")))
		s.add("UpdateFeatures validate "+name, within(ms, updateFeatures(1, 1, true, "transaction.version")))
	}
	s.add("Metadata hurried", metadata("hurried0", "hurried-1", "plain"), 12)
	return s.steps
}

func within(ms int32, request func(b *broker) message) func(b *broker) message {
	return func(b *broker) message {
		switch r := request(b).(type) {
		case *kmsg.CreateTopicsRequest:
			r.TimeoutMillis = ms
			return r
		case *kmsg.UpdateFeaturesRequest:
			r.TimeoutMillis = ms
			return r
		}
		panic("no request with a time")
	}
}

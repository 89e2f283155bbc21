package main

import "github.com/twmb/franz-go/pkg/kmsg"

// What a node that is alone is asked about leaders, replicas and access all the same, by tools and consoles.
func replicaSteps() []step {
	elect := func(kind int8, topic string, partitions ...int32) func(b *broker) message {
		return func(b *broker) message {
			r := kmsg.NewPtrElectLeadersRequest()
			r.ElectionType = kind
			if topic != "" {
				t := kmsg.NewElectLeadersRequestTopic()
				t.Topic, t.Partitions = topic, partitions
				r.Topics = append(r.Topics, t)
			}
			return r
		}
	}
	reassign := func(topic string, partition int32, replicas ...int32) func(b *broker) message {
		return func(b *broker) message {
			r := kmsg.NewPtrAlterPartitionAssignmentsRequest()
			t := kmsg.NewAlterPartitionAssignmentsRequestTopic()
			p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
			t.Topic, p.Partition, p.Replicas = topic, partition, replicas
			t.Partitions = append(t.Partitions, p)
			r.Topics = append(r.Topics, t)
			return r
		}
	}
	list := func(topics ...string) func(b *broker) message {
		return func(b *broker) message {
			r := kmsg.NewPtrListPartitionReassignmentsRequest()
			for _, name := range topics {
				t := kmsg.NewListPartitionReassignmentsRequestTopic()
				t.Topic, t.Partitions = name, []int32{0, 9}
				r.Topics = append(r.Topics, t)
			}
			return r
		}
	}
	quorum := func(topic string, partition int32) func(b *broker) message {
		return func(b *broker) message {
			r := kmsg.NewPtrDescribeQuorumRequest()
			t := kmsg.NewDescribeQuorumRequestTopic()
			p := kmsg.NewDescribeQuorumRequestTopicPartition()
			t.Topic, p.Partition = topic, partition
			t.Partitions = append(t.Partitions, p)
			r.Topics = append(r.Topics, t)
			return r
		}
	}
	return []step{
		{name: "ElectLeaders preferred", request: elect(0, "plain", 0, 1, 99)},
		{name: "ElectLeaders unclean", request: elect(1, "plain", 0)},
		{name: "ElectLeaders absent", request: elect(0, "absent", 0)},
		{name: "ElectLeaders all", request: elect(0, "")},
		{name: "AlterPartitionReassignments the same", request: reassign("plain", 0, 1)},
		{name: "AlterPartitionReassignments unknown broker", request: reassign("plain", 0, 1, 77)},
		{name: "AlterPartitionReassignments twice", request: reassign("plain", 0, 1, 1)},
		{name: "AlterPartitionReassignments call off", request: reassign("plain", 0)},
		{name: "AlterPartitionReassignments unknown partition", request: reassign("plain", 99, 1)},
		{name: "AlterPartitionReassignments absent", request: reassign("absent", 0, 1)},
		{name: "ListPartitionReassignments all", request: list()},
		{name: "ListPartitionReassignments named", request: list("plain", "absent")},
		{name: "DescribeQuorum of another topic", request: quorum("plain", 0)},
		{name: "DescribeQuorum of another partition", request: quorum("__cluster_metadata", 1)},
		{name: "DescribeAcls", request: func(b *broker) message {
			r := kmsg.NewPtrDescribeACLsRequest()
			r.ResourceType, r.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
			r.Operation, r.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
			return r
		}},
		{name: "CreateAcls", request: func(b *broker) message {
			r := kmsg.NewPtrCreateACLsRequest()
			c := kmsg.NewCreateACLsRequestCreation()
			c.ResourceType, c.ResourceName, c.ResourcePatternType = kmsg.ACLResourceTypeTopic, "plain", kmsg.ACLResourcePatternTypeLiteral
			c.Principal, c.Host = "User:a", "*"
			c.Operation, c.PermissionType = kmsg.ACLOperationRead, kmsg.ACLPermissionTypeAllow
			r.Creations = append(r.Creations, c)
			return r
		}},
		{name: "DeleteAcls", request: func(b *broker) message {
			r := kmsg.NewPtrDeleteACLsRequest()
			f := kmsg.NewDeleteACLsRequestFilter()
			f.ResourceType, f.ResourcePatternType = kmsg.ACLResourceTypeTopic, kmsg.ACLResourcePatternTypeAny
			f.Operation, f.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAny
			r.Filters = append(r.Filters, f)
			return r
		}},
	}
}

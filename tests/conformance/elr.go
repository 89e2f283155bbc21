package main

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func alterBroker(name, key string, op kmsg.IncrementalAlterConfigOp, value *string, validate bool) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrIncrementalAlterConfigsRequest()
		r.ValidateOnly = validate
		x := kmsg.NewIncrementalAlterConfigsRequestResource()
		x.ResourceType, x.ResourceName = kmsg.ConfigResourceTypeBroker, name
		c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		c.Name, c.Op, c.Value = key, op, value
		x.Configs = append(x.Configs, c)
		r.Resources = append(r.Resources, x)
		return r
	}
}

func replaceBroker(name string, settings ...string) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrAlterConfigsRequest()
		x := kmsg.NewAlterConfigsRequestResource()
		x.ResourceType, x.ResourceName = kmsg.ConfigResourceTypeBroker, name
		for i := 0; i < len(settings); i += 2 {
			c := kmsg.NewAlterConfigsRequestResourceConfig()
			c.Name, c.Value = settings[i], text(settings[i+1])
			x.Configs = append(x.Configs, c)
		}
		r.Resources = append(r.Resources, x)
		return r
	}
}

func leastInSync(kind kmsg.ConfigResourceType, name string) func(b *broker) message {
	return func(b *broker) message {
		r := kmsg.NewPtrDescribeConfigsRequest()
		r.IncludeSynonyms = true
		x := kmsg.NewDescribeConfigsRequestResource()
		x.ResourceType, x.ResourceName, x.ConfigNames = kind, name, []string{"min.insync.replicas", "log.retention.ms"}
		r.Resources = append(r.Resources, x)
		return r
	}
}

// Kafka's brokers hear of a new level a little later.
func heard(request func(b *broker) message) func(b *broker) message {
	return func(b *broker) message {
		for i := 0; i < 200; i++ {
			answer, err := b.send(request(b).(kmsg.Request), 4)
			if err == nil && len(answer.(*kmsg.DescribeConfigsResponse).Resources[0].Configs) > 0 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		return request(b)
	}
}

// KIP-966: with eligible.leader.replicas.version 1 min.insync.replicas is a setting of the whole cluster. Ends as it began.
func (s *script) eligibleLeaders() {
	const least = "min.insync.replicas"
	describe := func(when string) {
		s.add("DescribeConfigs least in sync of all "+when, leastInSync(kmsg.ConfigResourceTypeBroker, ""))
		s.add("DescribeConfigs least in sync of a broker "+when, leastInSync(kmsg.ConfigResourceTypeBroker, "1"))
		s.add("DescribeConfigs least in sync of a topic "+when, leastInSync(kmsg.ConfigResourceTypeTopic, "plain"))
	}
	describe("at first")
	s.add("IncrementalAlterConfigs least in sync delete", alterBroker("", least, 1, nil, false))
	s.add("IncrementalAlterConfigs least in sync nothing", alterBroker("", least, 0, text("0"), false))
	s.add("IncrementalAlterConfigs least in sync set", alterBroker("", least, 0, text("2"), false))
	describe("of two")
	s.add("IncrementalAlterConfigs least in sync of a broker", alterBroker("1", least, 0, text("1"), false))
	s.add("IncrementalAlterConfigs least in sync of a broker delete", alterBroker("1", least, 1, nil, false))
	s.add("AlterConfigs of all without it", replaceBroker("", "log.retention.bytes", "-1"))
	s.add("AlterConfigs of all with it", replaceBroker("", least, "2", "log.retention.bytes", "-1"))
	s.add("AlterConfigs of all bad", replaceBroker("", least, "0"))
	s.add("AlterConfigs of all again", replaceBroker("", least, "1"))
	s.add("AlterConfigs of a broker with it", replaceBroker("1", least, "1"))
	s.add("AlterConfigs of a broker without it", replaceBroker("1"))
	describe("of one")
	const feature = "eligible.leader.replicas.version"
	s.add("UpdateFeatures leaders too high", updateFeatures(2, 1, false, feature), 1, 2)
	s.add("UpdateFeatures leaders down as an upgrade", updateFeatures(0, 1, false, feature), 2)
	s.add("UpdateFeatures leaders down", updateFeatures(0, 2, false, feature), 2)
	describe("at level 0")
	s.add("IncrementalAlterConfigs level 0 of a broker", alterBroker("1", least, 0, text("3"), false))
	s.add("IncrementalAlterConfigs level 0 set", alterBroker("", least, 0, text("4"), false))
	describe("of three")
	s.add("IncrementalAlterConfigs level 0 delete", alterBroker("", least, 1, nil, false))
	describe("of a broker alone")
	s.add("UpdateFeatures leaders validated only", updateFeatures(1, 1, true, feature), 2)
	s.add("UpdateFeatures leaders up", updateFeatures(1, 1, false, feature), 2)
	s.add("UpdateFeatures leaders same", updateFeatures(1, 1, false, feature), 2)
	s.add("DescribeConfigs least in sync at level 1", heard(leastInSync(kmsg.ConfigResourceTypeBroker, "")))
	describe("at the end")
}

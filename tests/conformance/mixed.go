package main

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Produce requests with parts of different fates: which error is that of one part, and which is the whole request's.
func mixedSteps() []step {
	good := plain("one", "two")
	good.timestamp = time.Now().UnixMilli()
	of := func(change func(b *batch)) []byte {
		b := good
		change(&b)
		return b.encode()
	}
	cut := func(length int) []byte { return good.encode()[:length] }
	kinds := []struct {
		name string
		raw  []byte
	}{
		{"good", good.encode()},
		{"without a byte", []byte{}},
		{"cut in the offset", cut(7)},
		{"cut behind the length", cut(12)},
		{"cut behind the magic", cut(17)},
		{"of a small length", of(func(b *batch) { b.spoil = func(r []byte) []byte { r[11] = 13; r[10] = 0; return r } })},
		{"of a small length, cut", of(func(b *batch) { b.spoil = func(r []byte) []byte { r[11] = 13; r[10] = 0; return r[:12] } })},
		{"of magic 3", of(func(b *batch) { b.spoil = func(r []byte) []byte { r[16] = 3; return r } })},
		{"of magic 1", of(func(b *batch) { b.spoil = func(r []byte) []byte { r[16] = 1; return r } })},
		{"with a wrong CRC", of(func(b *batch) { b.spoil = func(r []byte) []byte { r[len(r)-1] ^= 1; return r } })},
		{"and a byte", append(good.encode(), 0)},
		{"and most of another", append(good.encode(), cut(40)...)},
		{"and another", append(good.encode(), good.encode()...)},
		{"and nonsense", append(good.encode(), []byte("this cannot be a batch")...)},
		{"and nothing of a length", append(good.encode(), make([]byte, 12)...)},
		{"of a transaction", of(func(b *batch) { b.alter = func(r []byte) { r[22] |= 0x10 } })},
	}
	good.nullKeys = true
	s := &script{}
	s.add("Produce with acks -2 no keys to compacted", produce("compacted", 0, -2, good.encode()))
	for _, first := range kinds {
		for _, second := range kinds {
			for _, topic := range []string{"plain", "absent"} {
				name := fmt.Sprintf("Produce one %s to %s and one %s", first.name, topic, second.name)
				s.add(name, func(b *broker) message {
					r := produce(topic, 0, -1, first.raw)(b).(*kmsg.ProduceRequest)
					also := produce("plain", 1, -1, second.raw)(b).(*kmsg.ProduceRequest)
					if topic == "plain" {
						r.Topics[0].Partitions = append(r.Topics[0].Partitions, also.Topics[0].Partitions...)
					} else {
						r.Topics = append(r.Topics, also.Topics...)
					}
					return r
				}, 9, 12)
			}
		}
		for _, topic := range []string{"plain", "absent", "__consumer_offsets"} {
			s.add("Produce with acks 2 one "+first.name+" to "+topic, produce(topic, 0, 2, first.raw), 12)
		}
	}
	return s.steps
}

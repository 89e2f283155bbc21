package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"regexp"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A request of which some bits are turned over on their way.
type flipped struct {
	request kmsg.Request
	version int16
	spots   []spot
}

type spot struct {
	where float64 // 0 to 1, of the frame behind its correlation id
	bit   int
}

const behindCorrelationID = 8

func (f flipped) frame(b *broker) []byte {
	frame := b.frame(f.request, f.version)
	for _, s := range f.spots {
		at := behindCorrelationID + int(s.where*float64(len(frame)-behindCorrelationID))
		frame[at] ^= 1 << s.bit
	}
	return frame
}

// As a broker may read it; nil: it cannot be read.
func (f flipped) read(b *broker) kmsg.Request {
	frame := f.frame(b)
	header := behindCorrelationID + 2 + len("diff")
	if f.request.IsFlexible() {
		header++
	}
	read := kmsg.RequestForKey(f.request.Key())
	read.SetVersion(f.version)
	if read.ReadFrom(frame[header:]) != nil {
		return nil
	}
	return read
}

// Neither long waits, nor requests that are not answered, nor followers, which there are none of, nor what Kafka fails at
// by accident: records that are null, limits and sessions below zero, isolation levels of fetches that do not exist, a
// partition twice. Nor offsets that are soon gone, each broker in its own time.
func (f flipped) isFair(b *broker) bool {
	switch r := f.read(b).(type) {
	case *kmsg.FetchRequest:
		return r.MaxWaitMillis < 200 && r.MaxBytes >= 0 && r.SessionID >= 0 && r.IsolationLevel>>1 == 0 && r.ReplicaID == -1 && r.ReplicaState.ID == -1
	case *kmsg.ProduceRequest:
		for _, t := range r.Topics {
			seen := map[int32]bool{}
			for _, p := range t.Partitions {
				if p.Records == nil || seen[p.Partition] {
					return false
				}
				seen[p.Partition] = true
			}
		}
		return r.Acks != 0
	case *kmsg.OffsetCommitRequest:
		return r.RetentionTimeMillis == -1
	}
	return true
}

func (f flipped) show(b *broker) string {
	text, _ := json.Marshal(f.read(b))
	return fmt.Sprintf("v%d %T %s", f.version, f.request, text)
}

// Of requests that change nothing, or the same on both sides.
var flippable = map[int16]bool{
	0: true, 1: true, 2: true, 3: true, 8: true, 9: true, 10: true, 12: true, 15: true, 16: true, 18: true, 23: true, 32: true,
	35: true, 60: true, 74: true, 75: true,
}

// What is not UTF-8 becomes other characters in Kafka, and the longest names too long. Batches of a transaction without a
// producer id are taken by Kafka where the request names a transaction; here they are always refused.
var unfair = regexp.MustCompile("longest|strange|of a transaction")

func flippedSteps(seed int64, steps []step, kafka, ringmain *broker) []step {
	rng := rand.New(rand.NewSource(seed))
	var s []step
	for i := 0; i < 1500; i++ {
		from := steps[rng.Intn(len(steps))]
		spots := make([]spot, 1+rng.Intn(2))
		for k := range spots {
			spots[k] = spot{rng.Float64(), rng.Intn(8)}
		}
		choice := rng.Float64()
		s = append(s, step{name: fmt.Sprintf("flipped %d of %s", i, from.name), request: func(b *broker) message {
			request, ok := from.request(b).(kmsg.Request)
			if !ok || !flippable[request.Key()] || unfair.MatchString(from.name) {
				return nil
			}
			versions := from.askedVersions(kafka, ringmain)
			f := flipped{request, versions[int(choice*float64(len(versions)))], spots}
			if !f.isFair(b) {
				return nil
			}
			return f
		}, versions: []int16{0}, bare: true})
	}
	return s
}

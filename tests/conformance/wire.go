package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

type message = any

// One broker and what it has handed out so far.
type broker struct {
	name, address string
	conn          net.Conn
	correlation   int32
	ranges        map[int16][2]int16
	topicIDs      map[string][16]byte
	producerID    int64
	sessionID     int32
	sessionEpoch  int32
	members       map[string]*membership
	txns          map[string]*transactional
}

func newBroker(name, address string) *broker {
	b := &broker{name: name, address: address, topicIDs: map[string][16]byte{}, members: map[string]*membership{}, txns: map[string]*transactional{}, ranges: map[int16][2]int16{}}
	request := kmsg.NewPtrApiVersionsRequest()
	request.ClientSoftwareName, request.ClientSoftwareVersion = "conformance", "1"
	answer, err := b.send(request, 3)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
	for _, k := range answer.(*kmsg.ApiVersionsResponse).ApiKeys {
		b.ranges[k.ApiKey] = [2]int16{k.MinVersion, k.MaxVersion}
	}
	b.warmUp()
	b.warmUpGroups()
	return b
}

// A fresh Kafka refuses the first requests for producer ids until it has its block of them.
func (b *broker) warmUp() {
	for i := 0; i < 100; i++ {
		request := kmsg.NewPtrInitProducerIDRequest()
		request.TransactionTimeoutMillis, request.ProducerID, request.ProducerEpoch = 60000, -1, -1
		answer, err := b.send(request, 3)
		if err == nil && answer.(*kmsg.InitProducerIDResponse).ErrorCode == 0 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (b *broker) drop() {
	if b.conn != nil {
		b.conn.Close()
		b.conn = nil
	}
}

// Sends raw bytes after a length; gives back the answer's bytes after its correlation id, or why there is none.
func (b *broker) raw(frame []byte) ([]byte, error) {
	if b.conn == nil {
		conn, err := net.DialTimeout("tcp", b.address, 5*time.Second)
		if err != nil {
			return nil, err
		}
		b.conn = conn
	}
	b.conn.SetDeadline(time.Now().Add(15 * time.Second))
	var size [4]byte
	binary.BigEndian.PutUint32(size[:], uint32(len(frame)))
	if _, err := b.conn.Write(append(size[:], frame...)); err != nil {
		b.drop()
		return nil, err
	}
	if _, err := io.ReadFull(b.conn, size[:]); err != nil {
		b.drop()
		return nil, err
	}
	answer := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(b.conn, answer); err != nil || len(answer) < 4 {
		b.drop()
		return nil, fmt.Errorf("short answer")
	}
	return answer[4:], nil
}

func (b *broker) frame(request kmsg.Request, version int16) []byte {
	b.correlation++
	request.SetVersion(version)
	var f []byte
	f = binary.BigEndian.AppendUint16(f, uint16(request.Key()))
	f = binary.BigEndian.AppendUint16(f, uint16(version))
	f = binary.BigEndian.AppendUint32(f, uint32(b.correlation))
	f = binary.BigEndian.AppendUint16(f, 4)
	f = append(f, "diff"...)
	if request.IsFlexible() {
		f = append(f, 0)
	}
	return request.AppendTo(f)
}

func (b *broker) send(request kmsg.Request, version int16) (kmsg.Response, error) {
	body, err := b.raw(b.frame(request, version))
	if err != nil {
		return nil, err
	}
	return decode(request, version, body)
}

func decode(request kmsg.Request, version int16, body []byte) (kmsg.Response, error) {
	response := request.ResponseKind()
	response.SetVersion(version)
	if response.IsFlexible() && request.Key() != 18 {
		if len(body) == 0 || body[0] != 0 {
			return nil, fmt.Errorf("no empty tag section in the response header")
		}
		body = body[1:]
	}
	if err := response.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("undecodable answer: %v", err)
	}
	return response, nil
}

func (s step) askedVersions(a, b *broker) []int16 {
	if s.versions != nil {
		return s.versions
	}
	request := s.request(a).(kmsg.Request)
	ra, oka := a.ranges[request.Key()]
	rb, okb := b.ranges[request.Key()]
	if !oka || !okb {
		return []int16{max(ra[0], rb[0])}
	}
	var list []int16
	for v := max(ra[0], rb[0]); v <= min(ra[1], rb[1], request.MaxVersion()); v++ {
		if request.Key() == 0 && v < 3 {
			continue // listed for old librdkafka, refused by both
		}
		list = append(list, v)
	}
	return list
}

func (s step) strip(answer kmsg.Response) message {
	if f, ok := answer.(*kmsg.FetchResponse); ok && s.bare {
		for t := range f.Topics {
			for p := range f.Topics[t].Partitions {
				f.Topics[t].Partitions[p].RecordBatches = fmt.Appendf(nil, "%d bytes", len(f.Topics[t].Partitions[p].RecordBatches))
			}
		}
	}
	return answer
}

// What came back, as something compare() can walk. An answer that is early is asked for again.
func ask(b *broker, s step, version int16, isEarly func(message) bool) message {
	switch request := s.request(b).(type) {
	case kmsg.Request:
		answer, err := b.send(request, version)
		for tries := 0; err == nil && isEarly(answer) && tries < 100; tries++ {
			time.Sleep(50 * time.Millisecond)
			request = s.request(b).(kmsg.Request)
			answer, err = b.send(request, version)
		}
		if err != nil {
			return map[string]any{"closed": true}
		}
		if s.after != nil {
			s.after(b, answer)
		}
		return s.strip(answer)
	case nil:
		return map[string]any{}
	case flipped:
		body, err := b.raw(request.frame(b))
		if err != nil {
			return map[string]any{"closed": true}
		}
		answer, err := decode(request.request, request.version, body)
		if err != nil {
			return map[string]any{"answer": fmt.Sprintf("%x", body)}
		}
		return s.strip(answer)
	case []byte:
		body, err := b.raw(request)
		if err != nil {
			return map[string]any{"closed": true}
		}
		return map[string]any{"answer": fmt.Sprintf("%x", body)}
	}
	panic("a step gives a request or bytes")
}

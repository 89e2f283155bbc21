// Many groups, or one large one: how long joins take, and how fast heartbeats are answered while everybody is at rest.
// Beside them, in the same seconds, bytes go to a process that only sends them back: what the machine itself takes, which no
// broker can beat. Where that is slow, the heartbeats say nothing about the broker.
//
// usage: groups BOOTSTRAP GROUPS MEMBERS SECONDS
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

type member struct {
	address, group, id string
	conn               net.Conn
	generation         int32
	correlation        int32
}

func (m *member) call(request kmsg.Request, version int16) kmsg.Response {
	m.correlation++
	request.SetVersion(version)
	frame := binary.BigEndian.AppendUint32(nil, 0)
	frame = binary.BigEndian.AppendUint16(frame, uint16(request.Key()))
	frame = binary.BigEndian.AppendUint16(frame, uint16(version))
	frame = binary.BigEndian.AppendUint32(frame, uint32(m.correlation))
	frame = binary.BigEndian.AppendUint16(frame, 5)
	frame = append(frame, "bench"...)
	frame = request.AppendTo(frame)
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	if _, err := m.conn.Write(frame); err != nil {
		fail(err)
	}
	var size [4]byte
	if _, err := io.ReadFull(m.conn, size[:]); err != nil {
		fail(err)
	}
	answer := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(m.conn, answer); err != nil {
		fail(err)
	}
	response := request.ResponseKind()
	response.SetVersion(version)
	if err := response.ReadFrom(answer[4:]); err != nil {
		fail(err)
	}
	return response
}

func fail(err error) {
	fmt.Println("failed:", err)
	os.Exit(1)
}

// All versions are below the flexible ones: frames are simple.
func (m *member) join() {
	for {
		r := kmsg.NewPtrJoinGroupRequest()
		r.Group, r.MemberID, r.ProtocolType = m.group, m.id, "consumer"
		r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 60000, 300000
		p := kmsg.NewJoinGroupRequestProtocol()
		p.Name, p.Metadata = "range", []byte("\x00\x01\x00\x00\x00\x01\x00\x05topic\xff\xff\xff\xff\x00\x00\x00\x00")
		r.Protocols = append(r.Protocols, p)
		joined := m.call(r, 5).(*kmsg.JoinGroupResponse)
		m.id = joined.MemberID
		switch joined.ErrorCode {
		case 0:
		case 79, 14, 15, 16, 27: // the id comes first; coordinators begin; another rebalance
			time.Sleep(time.Duration(joined.ErrorCode%79) * time.Millisecond)
			continue
		default:
			fail(fmt.Errorf("join: error %d", joined.ErrorCode))
		}
		m.generation = joined.Generation
		s := kmsg.NewPtrSyncGroupRequest()
		s.Group, s.Generation, s.MemberID = m.group, m.generation, m.id
		for _, other := range joined.Members {
			a := kmsg.NewSyncGroupRequestGroupAssignment()
			a.MemberID, a.MemberAssignment = other.MemberID, make([]byte, 50)
			s.GroupAssignment = append(s.GroupAssignment, a)
		}
		if m.call(s, 3).(*kmsg.SyncGroupResponse).ErrorCode == 0 {
			return
		}
	}
}

func (m *member) heartbeat() time.Duration {
	r := kmsg.NewPtrHeartbeatRequest()
	r.Group, r.Generation, r.MemberID = m.group, m.generation, m.id
	begin := time.Now()
	if code := m.call(r, 3).(*kmsg.HeartbeatResponse).ErrorCode; code == 27 {
		m.join()
	} else if code != 0 {
		fail(fmt.Errorf("heartbeat: error %d", code))
	}
	return time.Since(begin)
}

// Sends back what comes, on one connection, until it is closed.
func echo() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(err)
	}
	fmt.Println(listener.Addr())
	conn, err := listener.Accept()
	if err != nil {
		fail(err)
	}
	io.Copy(conn, conn)
}

// How long a round trip to the other process takes: 200 a second, until the channel is closed.
func measureMachine(end <-chan struct{}, times *[]time.Duration) {
	self, err := os.Executable()
	if err != nil {
		fail(err)
	}
	process := exec.Command(self, "echo")
	output, err := process.StdoutPipe()
	if err != nil {
		fail(err)
	}
	if err := process.Start(); err != nil {
		fail(err)
	}
	var address string
	fmt.Fscanln(output, &address)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		fail(err)
	}
	frame := make([]byte, 64) // as large as a heartbeat
	for {
		select {
		case <-end:
			conn.Close()
			process.Wait()
			return
		case <-time.After(5 * time.Millisecond):
		}
		begin := time.Now()
		if _, err := conn.Write(frame); err != nil {
			fail(err)
		}
		if _, err := io.ReadFull(conn, frame); err != nil {
			fail(err)
		}
		*times = append(*times, time.Since(begin))
	}
}

func share(times []time.Duration, part float64) time.Duration {
	return times[int(part*float64(len(times)-1))].Round(time.Microsecond)
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "echo" {
		echo()
		return
	}
	if len(os.Args) != 5 {
		fmt.Println("usage: groups BOOTSTRAP GROUPS MEMBERS SECONDS")
		os.Exit(2)
	}
	groups, _ := strconv.Atoi(os.Args[2])
	size, _ := strconv.Atoi(os.Args[3])
	seconds, _ := strconv.Atoi(os.Args[4])
	members := make([]*member, groups*size)
	for i := range members {
		conn, err := net.Dial("tcp", os.Args[1])
		if err != nil {
			fail(err)
		}
		members[i] = &member{address: os.Args[1], group: fmt.Sprintf("bench-%d-%d", os.Getpid(), i/size), conn: conn}
	}
	// The coordinators' topic is there and loaded before the clock runs.
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.CoordinatorKey = "bench"
	for members[0].call(find, 2).(*kmsg.FindCoordinatorResponse).ErrorCode != 0 {
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(time.Second)
	var wait sync.WaitGroup
	begin := time.Now()
	var settled atomic.Int64 // members that have their assignment
	for _, m := range members {
		wait.Add(1)
		go func() {
			defer wait.Done()
			m.join()
			settled.Add(1)
			for settled.Load() < int64(len(members)) { // the others are still coming: they may want this one to join again
				time.Sleep(time.Second)
				r := kmsg.NewPtrHeartbeatRequest()
				r.Group, r.Generation, r.MemberID = m.group, m.generation, m.id
				if m.call(r, 3).(*kmsg.HeartbeatResponse).ErrorCode == 27 {
					settled.Add(-1)
					m.join()
					settled.Add(1)
				}
			}
		}()
	}
	wait.Wait()
	joined := time.Since(begin)
	// Each member every three seconds, as clients do; spread over time.
	var mu sync.Mutex
	var times []time.Duration
	var machine []time.Duration
	over, measured := make(chan struct{}), make(chan struct{})
	go func() {
		measureMachine(over, &machine)
		close(measured)
	}()
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	for i, m := range members {
		wait.Add(1)
		go func() {
			defer wait.Done()
			time.Sleep(time.Duration(i) * 3 * time.Second / time.Duration(len(members)))
			for time.Now().Before(end) {
				took := m.heartbeat()
				mu.Lock()
				times = append(times, took)
				mu.Unlock()
				time.Sleep(3*time.Second - took)
			}
		}()
	}
	wait.Wait()
	close(over)
	<-measured
	for _, all := range [][]time.Duration{times, machine} {
		sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	}
	fmt.Printf("groups=%d members=%d joined_ms=%d heartbeats=%d p50=%v p99=%v max=%v machine_p50=%v machine_p99=%v machine_max=%v\n",
		groups, len(members), joined.Milliseconds(), len(times), share(times, 0.5), share(times, 0.99), share(times, 1),
		share(machine, 0.5), share(machine, 0.99), share(machine, 1))
	// The machine's share of the heartbeats' slowest hundredth is not the broker's.
	if limit := 50*time.Millisecond + share(machine, 0.99); share(times, 0.99) > limit {
		fail(fmt.Errorf("the slowest hundredth of the heartbeats took more than %v", limit))
	}
}

// franz-go as an interop client; see ../../README.md.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func produce(bootstrap, topic, file, codec, acks string) {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	opts := []kgo.Opt{kgo.SeedBrokers(bootstrap), kgo.AllowAutoTopicCreation(), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[codec]), kgo.ProducerLinger(5 * time.Millisecond)}
	switch acks {
	case "0":
		opts = append(opts, kgo.RequiredAcks(kgo.NoAck()), kgo.DisableIdempotentWrite())
	case "1":
		opts = append(opts, kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	data, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	var wg sync.WaitGroup
	for n, pos := 0, 0; pos < len(data); n, pos = n+1, pos+1000 {
		end := min(pos+1000, len(data))
		wg.Add(1)
		client.Produce(context.Background(), &kgo.Record{Topic: topic, Partition: 0, Key: []byte("k" + strconv.Itoa(n)),
			Value: data[pos:end], Headers: []kgo.RecordHeader{{Key: "n", Value: []byte(strconv.Itoa(n))}},
			Timestamp: time.UnixMilli(1700000000000 + int64(n))}, func(_ *kgo.Record, err error) {
			if err != nil {
				log.Fatal(err)
			}
			wg.Done()
		})
	}
	wg.Wait()
}

func consume(bootstrap, topic string, count int) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {0: kgo.NewOffset().AtStart()}}))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	h, n := sha256.New(), 0
	field := func(b []byte) {
		binary.Write(h, binary.BigEndian, uint32(len(b)))
		h.Write(b)
	}
	for n < count && ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		fetches.EachRecord(func(r *kgo.Record) {
			field(r.Key)
			field(r.Value)
			field(r.Headers[0].Value)
			binary.Write(h, binary.BigEndian, r.Timestamp.UnixMilli())
			n++
		})
	}
	fmt.Printf("count=%d sha256=%x\n", n, h.Sum(nil))
}

// One line when what is assigned changes, one for each record; commits after each poll.
func group(bootstrap, topic, name, assignor string, instance []string) {
	balancers := map[string]kgo.GroupBalancer{"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(),
		"cooperative": kgo.CooperativeStickyBalancer()}
	var mu sync.Mutex
	assigned := 0
	change := func(sign int) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			mu.Lock()
			defer mu.Unlock()
			assigned += sign * len(partitions[topic])
			fmt.Println("A", assigned)
		}
	}
	session := 6 * time.Second
	if ms, err := strconv.Atoi(os.Getenv("SESSION_MS")); err == nil {
		session = time.Duration(ms) * time.Millisecond
	}
	opts := []kgo.Opt{kgo.SeedBrokers(bootstrap), kgo.ConsumerGroup(name), kgo.ConsumeTopics(topic),
		kgo.Balancers(balancers[assignor]), kgo.SessionTimeout(session), kgo.HeartbeatInterval(500 * time.Millisecond),
		kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.OnPartitionsAssigned(change(1)), kgo.OnPartitionsRevoked(change(-1)), kgo.OnPartitionsLost(change(-1))}
	if len(instance) > 0 {
		opts = append(opts, kgo.InstanceID(instance[0]))
	}
	if ms, err := strconv.Atoi(os.Getenv("METADATA_MS")); err == nil {
		age := time.Duration(ms) * time.Millisecond
		opts = append(opts, kgo.MetadataMaxAge(age), kgo.MetadataMinAge(age/2))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		fetches.EachRecord(func(r *kgo.Record) { fmt.Println("R", r.Partition, r.Offset, string(r.Value)) })
		if fetches.NumRecords() > 0 {
			if err := client.CommitUncommittedOffsets(context.Background()); err != nil {
				log.Print("commit: ", err)
			}
		}
	}
	client.Close() // leaves, unless it is a static member
}

func resets(bootstrap, topic, name string, policies []string) {
	offsets := map[string]kgo.Offset{"earliest": kgo.NewOffset().AtStart(), "latest": kgo.NewOffset().AtEnd(),
		"none": kgo.NewOffset().AtCommitted()}
	for _, policy := range policies {
		offset := offsets[policy]
		if ago, found := strings.CutPrefix(policy, "by_duration:PT"); found {
			age, err := time.ParseDuration(strings.ToLower(ago))
			if err != nil {
				log.Fatal(err)
			}
			offset = kgo.NewOffset().AfterMilli(time.Now().Add(-age).UnixMilli())
		}
		client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumerGroup(name+policy), kgo.ConsumeTopics(topic),
			kgo.ConsumeResetOffset(offset))
		if err != nil {
			log.Fatal(err)
		}
		for done := false; !done; {
			fetches := client.PollFetches(context.Background())
			if fetches.NumRecords() > 0 {
				fmt.Println(policy, fetches.Records()[0].Offset)
				done = true
			} else if fetches.Err() != nil {
				fmt.Println(policy, "refused")
				done = true
			}
		}
		client.Close()
	}
}

func main() {
	a := os.Args
	if a[1] == "group" {
		group(a[2], a[3], a[4], a[5], a[6:])
		return
	}
	if a[1] == "resets" {
		resets(a[2], a[3], a[4], a[5:])
		return
	}
	if a[1] == "transact" {
		count, _ := strconv.Atoi(a[7])
		transact(a[2], a[3], a[4], a[5], a[6], count)
		return
	}
	if a[1] == "fence" {
		fence(a[2], a[3], a[4])
		return
	}
	if a[1] == "produce" {
		produce(a[2], a[3], a[4], a[5], a[6])
		return
	}
	count, _ := strconv.Atoi(a[4])
	consume(a[2], a[3], count)
}

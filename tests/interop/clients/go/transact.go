package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Reads count records of in and writes each to out, offsets in the same transaction; every third one is aborted and made
// again.
func transact(bootstrap, in, out, group, id string, count int) {
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(bootstrap), kgo.TransactionalID(id), kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(in), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionTimeout(30*time.Second))
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	done, turn := 0, 0
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	for done < count && ctx.Err() == nil {
		fetches := session.PollRecords(ctx, 37)
		if fetches.NumRecords() == 0 {
			continue
		}
		if err := session.Begin(); err != nil {
			log.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			session.Produce(ctx, &kgo.Record{Topic: out, Partition: r.Partition, Key: r.Key, Value: r.Value}, nil)
		})
		turn++
		if err := session.Client().Flush(ctx); err != nil {
			log.Fatal(err)
		}
		ended, err := session.End(ctx, turn%3 != 0)
		if err != nil {
			log.Fatal(err)
		}
		if ended {
			done += fetches.NumRecords()
		}
	}
	fmt.Printf("transacted=%d\n", done)
}

func fence(bootstrap, out, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	begin := func() *kgo.Client {
		client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.TransactionalID(id),
			kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err != nil {
			log.Fatal(err)
		}
		for {
			err := client.BeginTransaction()
			if err == nil {
				return client
			}
			// What another one left is being aborted: this client leaves it to its user to come again.
			if !strings.Contains(err.Error(), "CONCURRENT_TRANSACTIONS") || ctx.Err() != nil {
				log.Fatal(err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	send := func(client *kgo.Client, value string) error {
		return client.ProduceSync(ctx, &kgo.Record{Topic: out, Partition: 0, Value: []byte(value)}).FirstErr()
	}
	first := begin()
	defer first.Close()
	if err := send(first, "first"); err != nil {
		log.Fatal(err)
	}
	second := begin()
	defer second.Close()
	if err := send(second, "second"); err != nil {
		log.Fatal(err)
	}
	err := send(first, "late")
	if err == nil {
		err = first.EndTransaction(ctx, kgo.TryCommit)
	}
	what := "none"
	if errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch) {
		what = "fenced"
	} else if err != nil {
		what = err.Error()
	}
	if err := second.EndTransaction(ctx, kgo.TryCommit); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("first=%s second=committed\n", what)
}

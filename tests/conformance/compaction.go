package main

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Compaction: the same batches go to both brokers, both compact them, and what a consumer reads and what Kafka's
// DumpLogSegments sees in the files must be the same. Three times, with delete.retention.ms passing in between.
//
// usage: conformance compaction KAFKA-ADDRESS KAFKA-DATA RINGMAIN-ADDRESS RINGMAIN-DATA JARS SEED

const (
	keyCount        = 24
	deleteRetention = 2500 * time.Millisecond
	segmentMillis   = 100000
	padding         = 20000 // of a transaction's values
)

var compactedTopics = []struct {
	name, codec string
	kind        string
}{
	{"plain", "producer", "plain"},
	{"packed-gzip", "gzip", "plain"},
	{"packed-snappy", "snappy", "plain"},
	{"packed-lz4", "lz4", "plain"},
	{"packed-zstd", "zstd", "plain"},
	{"idempotent", "producer", "idempotent"},
	{"transactions", "producer", "transactions"},
}

type cleaned struct {
	*broker
	data string
	ids  map[int64]int // producers, in the order in which they came
}

func (c *cleaned) must(request kmsg.Request, version int16) kmsg.Response {
	answer, err := c.send(request, version)
	if err != nil {
		panic(fmt.Sprintf("%s: api %d: %v", c.name, request.Key(), err))
	}
	return answer
}

func (c *cleaned) create(name, codec, kind string) {
	roll := segmentMillis
	if kind == "transactions" { // markers have the clock's time: those segments are rolled by bytes
		roll = 7 * 86400000
	}
	r := create(name, 1, 1, false, map[string]string{
		"cleanup.policy": "compact", "compression.type": codec, "segment.bytes": "1048576",
		"segment.ms": strconv.Itoa(roll), "min.cleanable.dirty.ratio": "0.01",
		"delete.retention.ms":   strconv.Itoa(int(deleteRetention.Milliseconds())),
		"min.compaction.lag.ms": "86400000", "message.timestamp.type": "CreateTime"})(c.broker).(kmsg.Request)
	answer := c.must(r, 5).(*kmsg.CreateTopicsResponse)
	if answer.Topics[0].ErrorCode != 0 {
		panic(fmt.Sprintf("%s: %s is not made: %d", c.name, name, answer.Topics[0].ErrorCode))
	}
}

// With 0 everything behind the growing segment may be compacted.
func (c *cleaned) setLag(topic, millis string) {
	r := kmsg.NewPtrIncrementalAlterConfigsRequest()
	resource := kmsg.NewIncrementalAlterConfigsRequestResource()
	resource.ResourceType, resource.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	config := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	config.Name, config.Value = "min.compaction.lag.ms", &millis
	resource.Configs = append(resource.Configs, config)
	r.Resources = append(r.Resources, resource)
	if answer := c.must(r, 1).(*kmsg.IncrementalAlterConfigsResponse); answer.Resources[0].ErrorCode != 0 {
		panic(fmt.Sprintf("%s: configuration of %s: %d", c.name, topic, answer.Resources[0].ErrorCode))
	}
}

func (c *cleaned) write(topic string, s batch, transaction *string) {
	for i := 0; ; i++ {
		r := produce(topic, 0, -1, s.encode())(c.broker).(*kmsg.ProduceRequest)
		r.TransactionID = transaction
		code := c.must(r, 9).(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode
		if code == 0 {
			return
		}
		if i == 200 {
			panic(fmt.Sprintf("%s: %s: %d", c.name, topic, code))
		}
		time.Sleep(20 * time.Millisecond) // the leader is not there yet, or the transaction before not over
	}
}

func (c *cleaned) producer(id *string) transactional {
	for i := 0; i < 400; i++ {
		r := kmsg.NewPtrInitProducerIDRequest()
		r.TransactionalID, r.TransactionTimeoutMillis, r.ProducerID, r.ProducerEpoch = id, 60000, -1, -1
		if a := c.must(r, 3).(*kmsg.InitProducerIDResponse); a.ErrorCode == 0 {
			if c.ids[a.ProducerID] == 0 {
				c.ids[a.ProducerID] = len(c.ids) + 1
			}
			return transactional{producerID: a.ProducerID, epoch: a.ProducerEpoch}
		}
		if id != nil {
			c.must(findCoordinator(1, *id)(c.broker).(kmsg.Request), 4)
		}
		time.Sleep(50 * time.Millisecond)
	}
	panic(c.name + ": no producer id")
}

func (c *cleaned) add(id, topic string) {
	for i := 0; i < 400; i++ {
		r := addPartitions(id, topic, nil, 0)(c.broker).(*kmsg.AddPartitionsToTxnRequest)
		if c.must(r, 3).(*kmsg.AddPartitionsToTxnResponse).Topics[0].Partitions[0].ErrorCode == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond) // CONCURRENT_TRANSACTIONS: the one before is being finished
	}
	panic(c.name + ": a transaction does not begin")
}

func (c *cleaned) end(id string, commit bool) {
	if code := c.must(endTxn(id, commit, nil)(c.broker).(kmsg.Request), 3).(*kmsg.EndTxnResponse).ErrorCode; code != 0 {
		panic(fmt.Sprintf("%s: a transaction does not end: %d", c.name, code))
	}
	settled(id, func(b *broker) message { return nil })(c.broker)
}

// ---- what is written ----------------------------------------------------------------------------------------------

// The same choices for both brokers.
type author struct {
	*rand.Rand
	timestamp int64
	number    int
}

func (a *author) batch(pad int) batch {
	s := batch{producerID: -1, epoch: -1, sequence: -1}
	a.timestamp += 1000
	s.timestamp = a.timestamp
	for i := 1 + a.Intn(4); i > 0; i-- {
		a.number++
		s.keys = append(s.keys, fmt.Sprintf("key-%d", a.Intn(keyCount)))
		s.values = append(s.values, fmt.Sprintf("value %d %s", a.number, strings.Repeat("x", a.Intn(60)+pad)))
		s.tombstones = append(s.tombstones, a.Intn(6) == 0)
		s.deltas = append(s.deltas, int64(a.Intn(900)))
	}
	return s
}

func (a *author) roll() { a.timestamp += 2 * segmentMillis }

func writePlain(c *cleaned, a *author, topic string, batches int) {
	for i := 0; i < batches; i++ {
		s := a.batch(0)
		s.gzip = topic == "plain" && a.Intn(4) == 0
		c.write(topic, s, nil)
		if i%12 == 11 {
			a.roll()
		}
	}
}

func writeIdempotent(c *cleaned, a *author, topic string, batches int) {
	var producers []transactional
	for i := 0; i < 3; i++ {
		producers = append(producers, c.producer(nil))
	}
	for i := 0; i < batches; i++ {
		s, p := a.batch(0), &producers[a.Intn(1+min(i/10, 2))]
		s.producerID, s.epoch, s.sequence = p.producerID, p.epoch, p.sequence
		p.sequence += int32(len(s.values))
		c.write(topic, s, nil)
		if i%12 == 11 {
			a.roll()
		}
	}
}

func writeTransactions(c *cleaned, a *author, topic string, batches int) {
	ids := []string{topic + "-1", topic + "-2", topic + "-3"}
	for i := range ids {
		*c.txn(ids[i]) = c.producer(&ids[i])
	}
	for i := 0; i < batches; {
		first, second := ids[a.Intn(3)], ids[a.Intn(3)]
		open := []string{first}
		if second != first {
			open = append(open, second)
		}
		for _, id := range open {
			c.add(id, topic)
		}
		for k := 1 + a.Intn(4); k > 0; k-- {
			id := open[a.Intn(len(open))]
			s, p := a.batch(padding), c.txn(id)
			s.gzip = a.Intn(4) == 0
			s.producerID, s.epoch, s.sequence = p.producerID, p.epoch, p.sequence
			s.alter = func(raw []byte) { raw[22] |= 0x10 }
			p.sequence += int32(len(s.values))
			c.write(topic, s, &id)
			i++
			if a.Intn(5) == 0 {
				c.write(topic, a.batch(padding), nil)
			}
		}
		for _, id := range open {
			c.end(id, a.Intn(3) > 0)
		}
	}
}

// The last segment grows and is not compacted: one more begins.
func write(c *cleaned, topic, kind string, seed int64, phase, batches int) {
	a := &author{Rand: rand.New(rand.NewSource(seed + int64(phase))), timestamp: baseTimestamp + int64(phase)*4000000, number: phase * 100000}
	switch kind {
	case "plain":
		writePlain(c, a, topic, batches)
	case "idempotent":
		writeIdempotent(c, a, topic, batches)
	default:
		writeTransactions(c, a, topic, batches)
		for i := 0; i < 16; i++ {
			c.write(topic, a.batch(3*padding), nil)
		}
		return
	}
	a.roll()
	c.write(topic, a.batch(0), nil)
}

var baseTimestamp = time.Now().Add(-6*time.Hour).UnixMilli() / 1000 * 1000

// ---- what is there -------------------------------------------------------------------------------------------------

func (c *cleaned) segments(topic string) []string {
	files, _ := filepath.Glob(filepath.Join(c.data, topic+"-0", "*.log"))
	sort.Strings(files)
	return files
}

func baseOf(file string) int64 {
	base, _ := strconv.ParseInt(strings.TrimSuffix(filepath.Base(file), ".log"), 10, 64)
	return base
}

func (c *cleaned) checkpoint(file, topic string) int64 {
	bytes, _ := os.ReadFile(filepath.Join(c.data, file))
	for _, line := range strings.Split(string(bytes), "\n") {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == topic {
			offset, _ := strconv.ParseInt(fields[2], 10, 64)
			return offset
		}
	}
	return -1
}

// Until the checkpoint has come to the base of the last segment.
func (c *cleaned) await(file, topic string) {
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		files := c.segments(topic)
		if len(files) > 0 && c.checkpoint(file, topic) >= baseOf(files[len(files)-1]) {
			return
		}
	}
	panic(fmt.Sprintf("%s: %s has not come to the last segment of %s: %d", c.name, file, topic, c.checkpoint(file, topic)))
}

// Ours compacts what lies below the recovery point, which waits for the lists of aborted transactions too: with a part still
// to come it would take two runs where Kafka takes one, and be ahead in what goes from one run to the next (markers).
func (c *cleaned) awaitFlushed(topic string) { c.await("recovery-point-offset-checkpoint", topic) }

func (c *cleaned) awaitClean(topic string) {
	c.await("cleaner-offset-checkpoint", topic)
	time.Sleep(200 * time.Millisecond) // names of files may still be on their way
}

var (
	unlike    = regexp.MustCompile(` (position|crc): -?\d+`)
	horizon   = regexp.MustCompile(`deleteHorizonMs: OptionalLong\[\d+\]`)
	times     = regexp.MustCompile(`CreateTime: -?\d+`)
	sizes     = regexp.MustCompile(` size: \d+`)
	producers = regexp.MustCompile(`producerId: (\d+)`)
	long      = regexp.MustCompile(`x{20,}`)
	may       = regexp.MustCompile(`count: 0 |isControl: true|endTxnMarker`)
)

// Both brokers' files through one tool: what it says of each.
func dumpAll(jars string, files []string) map[string][]string {
	command := exec.Command("java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", jars, "org.apache.kafka.tools.DumpLogSegments",
		"--deep-iteration", "--print-data-log", "--files", strings.Join(files, ","))
	out, err := command.CombinedOutput()
	if err != nil {
		panic(fmt.Sprintf("DumpLogSegments: %v: %.300s", err, out))
	}
	dumps, file := map[string][]string{}, ""
	for _, line := range strings.Split(string(out), "\n") {
		if rest, is := strings.CutPrefix(line, "Dumping "); is {
			file = rest
		}
		if strings.HasPrefix(line, "baseOffset: ") || strings.HasPrefix(line, "| offset: ") {
			dumps[file] = append(dumps[file], line)
		}
	}
	return dumps
}

// One line for each batch and each record.
func (c *cleaned) dump(dumps map[string][]string, topic string) []string {
	var lines []string
	for _, file := range c.segments(topic) {
		for _, line := range dumps[file] {
			lines = append(lines, c.mask(line))
		}
	}
	return lines
}

func (c *cleaned) mask(line string) string {
	line = unlike.ReplaceAllString(line, "")
	line = horizon.ReplaceAllString(line, "deleteHorizonMs: set")
	line = long.ReplaceAllString(line, "x...")
	marker := strings.Contains(line, "isControl: true") || strings.Contains(line, "endTxnMarker")
	if marker {
		line = times.ReplaceAllString(line, "CreateTime: now")
		line = strings.ReplaceAll(line, "deleteHorizonMs: set", "deleteHorizonMs: OptionalLong.empty")
	}
	if marker || !strings.Contains(line, "compresscodec: none") {
		line = sizes.ReplaceAllString(line, "")
	}
	return producers.ReplaceAllStringFunc(line, func(found string) string {
		id, _ := strconv.ParseInt(strings.TrimPrefix(found, "producerId: "), 10, 64)
		return fmt.Sprintf("producerId: #%d", c.ids[id])
	})
}

func (c *cleaned) consume(topic string) []string {
	command := exec.Command("kcat", "-q", "-C", "-b", c.address, "-t", topic, "-p", "0", "-o", "beginning", "-e", "-Z", "-f", "%o %T %k %s\n")
	out, err := command.Output()
	if err != nil {
		panic(fmt.Sprintf("kcat: %v", err))
	}
	return strings.Split(string(bytes.TrimSpace(out)), "\n")
}

// Ours leaves headers without records where Kafka leaves none (producers' windows, ends of segments), and so the markers of
// their transactions: those do not count, but each that Kafka leaves must be there.
func withoutMore(theirs, ours []string) []string {
	known := map[string]bool{}
	for _, line := range theirs {
		known[line] = true
	}
	var lines []string
	for _, line := range ours {
		if !may.MatchString(line) || known[line] {
			lines = append(lines, line)
		}
	}
	return lines
}

func sameLines(what string, theirs, ours []string) bool {
	for i := 0; i < max(len(theirs), len(ours)); i++ {
		var a, b string
		if i < len(theirs) {
			a = theirs[i]
		}
		if i < len(ours) {
			b = ours[i]
		}
		if a != b {
			fmt.Printf("DIFFERS %s, line %d of %d and %d:\n  kafka    %.400s\n  ringmain %.400s\n", what, i, len(theirs), len(ours), a, b)
			return false
		}
	}
	return true
}

func compaction(args []string) {
	kafka := &cleaned{newBroker("kafka", args[0]), args[1], map[int64]int{}}
	ringmain := &cleaned{newBroker("ringmain", args[2]), args[3], map[int64]int{}}
	jars := args[4]
	seed, _ := strconv.ParseInt(args[5], 10, 64)
	passed, failed, read := 0, 0, 0
	count := func(good bool) {
		if good {
			passed++
		} else {
			failed++
		}
	}
	both := []*cleaned{kafka, ringmain}
	for _, c := range both {
		for _, topic := range compactedTopics {
			c.create(topic.name, topic.codec, topic.kind)
		}
	}
	batches := []int{90, 20, 20}
	for phase := range batches {
		for _, c := range both {
			for i, topic := range compactedTopics {
				write(c, topic.name, topic.kind, seed+int64(i)*1000, phase, batches[phase])
			}
		}
		for _, c := range both {
			for _, topic := range compactedTopics {
				c.awaitFlushed(topic.name)
			}
		}
		for _, c := range both {
			for _, topic := range compactedTopics {
				c.setLag(topic.name, "0")
			}
		}
		var files []string
		for _, topic := range compactedTopics {
			for _, c := range both {
				c.awaitClean(topic.name)
				files = append(files, c.segments(topic.name)...)
			}
		}
		dumps := dumpAll(jars, files)
		for _, topic := range compactedTopics {
			what := fmt.Sprintf("%s after %d runs", topic.name, phase+1)
			theirs, ours := kafka.consume(topic.name), ringmain.consume(topic.name)
			read += len(theirs)
			count(len(theirs) > keyCount/2 && sameLines(what+", as it is read", theirs, ours))
			theirs, ours = kafka.dump(dumps, topic.name), ringmain.dump(dumps, topic.name)
			count(len(theirs) > keyCount && sameLines(what+", as DumpLogSegments sees it", theirs, withoutMore(theirs, ours)))
		}
		for _, c := range both {
			for _, topic := range compactedTopics {
				c.setLag(topic.name, "86400000")
			}
		}
		time.Sleep(deleteRetention + 500*time.Millisecond)
	}
	fmt.Printf("compaction conformance (%d records read, seed %d): %d passed, %d failed\n", read, seed, passed, failed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}

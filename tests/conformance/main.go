// The differential test: the same requests go to Apache Kafka and to Ringmain, the answers are compared field by field
// after ids, times and addresses are masked. Every difference must be listed with its reason in docs/kafka-differences.md.
//
// usage: conformance KAFKA-ADDRESS RINGMAIN-ADDRESS DIFFERENCES.md SEED
package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// A step makes one request for one broker; both get the same, but for what a broker itself handed out (topic ids).
type step struct {
	name    string
	request func(b *broker) message
	after   func(b *broker, answer message)
	// Versions to ask in; nil: all that both offer.
	versions []int16
	// Of fetched records only their number of bytes counts: they hold times of the broker's own.
	bare bool
}

type difference struct {
	pattern *regexp.Regexp
	used    bool
	line    string
}

// Rows of the table in the document: | `pattern` | reason |
func readDifferences(path string) []*difference {
	text, err := os.ReadFile(path)
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	var list []*difference
	for _, line := range strings.Split(string(text), "\n") {
		parts := strings.SplitN(line, "|", 4)
		if len(parts) < 4 || !strings.HasPrefix(strings.TrimSpace(parts[1]), "`") {
			continue
		}
		pattern := strings.Trim(strings.TrimSpace(parts[1]), "`")
		list = append(list, &difference{pattern: regexp.MustCompile("^(?:" + pattern + ")$"), line: line})
	}
	return list
}

func main() {
	if len(os.Args) == 8 && os.Args[1] == "compaction" {
		compaction(os.Args[2:])
		return
	}
	if len(os.Args) != 5 {
		fmt.Println("usage: conformance KAFKA RINGMAIN DIFFERENCES.md SEED")
		os.Exit(2)
	}
	seed, _ := strconv.ParseInt(os.Args[4], 10, 64)
	kafka, ringmain := newBroker("kafka", os.Args[1]), newBroker("ringmain", os.Args[2])
	listed := readDifferences(os.Args[3])
	passed, failed := 0, 0
	unlisted := map[string]string{}
	steps := slices.Concat(scripted(), txnSteps(), extremeSteps(), hurriedSteps(), mixedSteps(), random(seed))
	for _, s := range append(steps, flippedSteps(seed, steps, kafka, ringmain)...) {
		for _, version := range s.askedVersions(kafka, ringmain) {
			name := fmt.Sprintf("%s v%d", s.name, version)
			begin := time.Now()
			ours := ask(ringmain, s, version, func(message) bool { return false })
			theirs := ask(kafka, s, version, func(answer message) bool { return isEarly(answer) && !isEarly(ours) })
			if took := time.Since(begin); took > 3*time.Second {
				fmt.Println("note: slow:", name, took.Round(time.Second))
			}
			found := compare(name, theirs, ours)
			bad := 0
			for _, line := range found {
				if !isListed(listed, line) {
					bad++
					unlisted[generalise(line)] = line
				}
			}
			if bad > 0 {
				failed++
				if f, ok := s.request(ringmain).(flipped); ok {
					fmt.Println("note: asked:", name, f.show(ringmain))
				}
			} else {
				passed++
			}
		}
	}
	var keys []string
	for k := range unlisted {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		fmt.Println("DIFFERS", unlisted[k])
	}
	for _, d := range listed {
		if !d.used && !strings.Contains(d.line, "flipped") {
			fmt.Println("note: no longer seen, so it should leave the list:", d.line)
		}
	}
	fmt.Printf("conformance: %d passed, %d failed (seed %d)\n", passed, failed, seed)
	if failed > 0 || passed == 0 {
		os.Exit(1)
	}
}

func isListed(listed []*difference, line string) bool {
	for _, d := range listed {
		if d.pattern.MatchString(line) {
			d.used = true
			return true
		}
	}
	return false
}

var versionInName = regexp.MustCompile(` v\d+ `)

// The same field differing in ten versions is printed once.
func generalise(line string) string { return versionInName.ReplaceAllString(line, " ") }

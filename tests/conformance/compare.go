package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// Fields whose values are a broker's own. They must be there on both sides, but may differ.
var masked = map[string]bool{
	"TopicID": true, "ClusterID": true, "Host": true, "Port": true, "ControllerID": true, "ThrottleMillis": true,
	"ProducerID": true, "SessionID": true, "LogAppendTime": true, "UsableBytes": true, "TotalBytes": true, "Dir": true,
	"IncarnationID": true, "Version": true, "Leader": true, "LeaderID": true, "NodeID": true, "BrokerID": true,
	"Replicas": true, "ISR": true, "FinalizedFeaturesEpoch": true, "Documentation": true,
	"StartTimestamp": true, "LastTimestamp": true,
}

// Where the broker stamps the records, their times are its own, too.
func isMasked(key string, stamped bool) bool { return masked[key] || (stamped && key == "Timestamp") }

func mask(v any, stamped bool) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			if isMasked(key, stamped) {
				if value == nil {
					v[key] = "null"
				} else {
					v[key] = "masked"
				}
			} else if key == "UnknownTags" {
				delete(v, key)
			} else {
				if numbers, ok := value.([]any); ok && key == "Partitions" {
					sortNumbers(numbers)
				}
				v[key] = mask(withoutUUID(key, value), stamped)
			}
		}
		return v
	case []any:
		for i := range v {
			v[i] = mask(v[i], stamped)
		}
		sortNamed(v)
		return v
	}
	return v
}

var memberUUID = regexp.MustCompile(`-[0-9a-f]{8}-[0-9a-f-]{27}$`)

// A member's id: what it was made from counts, not the random part.
func withoutUUID(key string, value any) any {
	if id, ok := value.(string); ok && key == "MemberID" {
		return memberUUID.ReplaceAllString(id, "-uuid")
	}
	return value
}

// Lists of things with a name or number have no promised order.
func sortNamed(list []any) {
	key := func(v any) string {
		m, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		for _, name := range []string{"Topic", "Name", "ResourceName", "ApiKey", "Partition", "ConfigName", "Group", "TransactionalID"} {
			if k, ok := m[name]; ok && k != nil {
				return fmt.Sprintf("%20v", k)
			}
		}
		return ""
	}
	sort.SliceStable(list, func(i, j int) bool { return key(list[i]) < key(list[j]) })
}

// Nor have the partitions of a transaction.
func sortNumbers(list []any) {
	sort.SliceStable(list, func(i, j int) bool {
		a, isA := list[i].(float64)
		b, isB := list[j].(float64)
		return isA && isB && a < b
	})
}

func generic(m message, stamped bool) any {
	if m == nil || (reflect.ValueOf(m).Kind() == reflect.Ptr && reflect.ValueOf(m).IsNil()) {
		return nil
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err.Error()
	}
	var v any
	json.Unmarshal(text, &v)
	return mask(v, stamped)
}

// A topic that was just made is in Kafka's metadata a moment before its leader knows of it, a long one on a busy machine:
// UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER, UNKNOWN_TOPIC_ID. None of these has changed anything.
func isEarly(answer message) bool {
	var found func(v any) bool
	found = func(v any) bool {
		switch v := v.(type) {
		case map[string]any:
			for key, value := range v {
				if code, ok := value.(float64); (ok && key == "ErrorCode" && (code == 3 || code == 6 || code == 100)) || found(value) {
					return true
				}
			}
		case []any:
			return slices.ContainsFunc(v, found)
		}
		return false
	}
	return found(generic(answer, false))
}

// One line for each differing field: "NAME PATH: kafka=X ringmain=Y".
func compare(name string, a, b message) []string {
	var lines []string
	stamped := strings.Contains(name, "stamped")
	walk(name, "", generic(a, stamped), generic(b, stamped), &lines)
	return lines
}

func walk(name, path string, a, b any, lines *[]string) {
	ma, oka := a.(map[string]any)
	mb, okb := b.(map[string]any)
	if oka && okb {
		keys := map[string]bool{}
		for k := range ma {
			keys[k] = true
		}
		for k := range mb {
			keys[k] = true
		}
		var sorted []string
		for k := range keys {
			sorted = append(sorted, k)
		}
		sort.Strings(sorted)
		for _, k := range sorted {
			walk(name, path+"."+k, ma[k], mb[k], lines)
		}
		return
	}
	la, oka := a.([]any)
	lb, okb := b.([]any)
	if oka && okb && len(la) == len(lb) {
		for i := range la {
			walk(name, fmt.Sprintf("%s[%d]", path, i), la[i], lb[i], lines)
		}
		return
	}
	if oka && okb {
		walkByName(name, path, la, lb, lines)
		return
	}
	if !reflect.DeepEqual(a, b) {
		*lines = append(*lines, fmt.Sprintf("%s %s: kafka=%s ringmain=%s", name, strings.TrimPrefix(path, "."), short(a), short(b)))
	}
}

func label(v any) string {
	if m, ok := v.(map[string]any); ok {
		for _, key := range []string{"Topic", "Name", "ResourceName", "ApiKey", "Partition", "Group"} {
			if k, ok := m[key]; ok {
				return fmt.Sprint(k)
			}
		}
	}
	return short(v)
}

// Lists of different length: pair what has the same name, name what is on one side only.
func walkByName(name, path string, a, b []any, lines *[]string) {
	inB := map[string]any{}
	for _, v := range b {
		inB[label(v)] = v
	}
	for _, v := range a {
		other, ok := inB[label(v)]
		if !ok {
			*lines = append(*lines, fmt.Sprintf("%s %s[%s]: kafka=there ringmain=missing", name, strings.TrimPrefix(path, "."), label(v)))
			continue
		}
		delete(inB, label(v))
		walk(name, path+"["+label(v)+"]", v, other, lines)
	}
	for k := range inB {
		*lines = append(*lines, fmt.Sprintf("%s %s[%s]: kafka=missing ringmain=there", name, strings.TrimPrefix(path, "."), k))
	}
}

func short(v any) string {
	text, _ := json.Marshal(v)
	if len(text) > 160 {
		return string(text[:160]) + "..."
	}
	return string(text)
}

module ringmain/bench/groups

go 1.24.0

require github.com/twmb/franz-go/pkg/kmsg v1.13.1

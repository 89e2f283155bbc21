#!/bin/sh
# Nothing above io/ calls the clock, the kernel, libc's allocator or a source of randomness directly: such a call would
# escape the simulated machine. Looks at the code text; check_symbols.sh looks at the objects.
set -eu
cd "$(dirname "$0")/../.."
banned='malloc|calloc|realloc|free|strdup|strndup|asprintf|vasprintf|time|gettimeofday|clock_gettime|clock|nanosleep|usleep|sleep|rand|srand|random|srandom|rand_r|getrandom|getentropy|open|openat|creat|read|pread|preadv|readv|write|pwrite|pwritev|writev|close|fsync|fdatasync|ftruncate|truncate|fallocate|posix_fallocate|unlink|unlinkat|rename|renameat|mkdir|rmdir|opendir|readdir|stat|fstat|lstat|mmap|munmap|socket|bind|listen|accept|accept4|connect|send|sendto|sendmsg|recv|recvfrom|recvmsg|sendfile|splice|poll|epoll_wait|epoll_ctl|select|ioctl|fcntl|fopen|fclose|fread|fwrite|fgets|getline|pthread_create|pthread_mutex_lock|syscall|signal|sigaction|kill|fork|execve|system|popen'
unsafe='strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|atof|strtok|alloca'
find core net replication -name '*.[ch]' 2>/dev/null | sort | xargs awk -v banned="$banned" -v unsafe="$unsafe" '
BEGIN { pattern = "(^|[^A-Za-z0-9_>.])(" banned "|" unsafe ")[ \t]*\\(" }
FNR == 1 { comment = 0 }
{
    line = $0
    if (comment) { if (index(line, "*/")) { sub(/^.*\*\//, "", line); comment = 0 } else next }
    gsub(/"([^"\\]|\\.)*"/, "\"\"", line); gsub(/\/\*.*\*\//, "", line); sub(/\/\/.*$/, "", line)
    if (match(line, /\/\*/)) { line = substr(line, 1, RSTART - 1); comment = 1 }
    if (match(line, pattern)) {
        call = substr(line, RSTART, RLENGTH)
        printf "%s:%d: direct call of%s goes round the io seam\n", FILENAME, FNR, call; failed = 1
    }
}
END { exit failed }'

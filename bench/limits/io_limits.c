/* What io/reactor costs against the raw calls that it is made of: the same work done by an epoll or sendfile loop and
 * by a machine, in alternating rounds, since absolute numbers move by 40 % between minutes (io-uring.md section 0).
 *
 *   echo      100-byte requests over CONNECTIONS connections, one server core: epoll + recv + send against small
 * receive sendfile  100-byte header + 1 MiB of a cached file per answer: send(MSG_MORE) + sendfile + poll against
 * io_send
 *
 * usage: io_limits [seconds per round] [rounds] [directory for the file]
 */
#include "io/reactor/fs.h"
#include "io/reactor/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 16, REQUEST = 100, HEADER = 100, CHUNK = 1 << 20, FILE_BYTES = 64 << 20 };

static double seconds = 1.0;
static _Atomic(int) over;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double thread_cpu_s(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void pin(int cpu)
{
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET((size_t)cpu, &cpus);
    sched_setaffinity(0, sizeof(cpus), &cpus);
}

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "io_limits: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int listen_any(uint16_t *port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(fd >= 0 && bind(fd, (struct sockaddr *)&name, length) == 0 && listen(fd, 64) == 0 &&
              getsockname(fd, (struct sockaddr *)&name, &length) == 0,
          "listen");
    *port = ntohs(name.sin_port);
    return fd;
}

static int dial(uint16_t port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) == 0, "socket");
    check(connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0, "connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

/* ---- clients: raw, the same for both servers ----------------------------------------------------------------------
 */

struct client {
    pthread_t thread;
    uint16_t port;
    bool echo;
    double result; /* requests or bytes per second */
};

static double echo_client(uint16_t port)
{
    int fds[CONNECTIONS];
    char request[REQUEST] = {1};
    int poller = epoll_create1(0);
    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = dial(port);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fds[i]};
        epoll_ctl(poller, EPOLL_CTL_ADD, fds[i], &event);
        check(send(fds[i], request, REQUEST, 0) == REQUEST, "send");
    }
    uint64_t answers = 0;
    double start = now_s();
    while (now_s() - start < seconds) {
        struct epoll_event events[CONNECTIONS];
        int count = epoll_wait(poller, events, CONNECTIONS, 100);
        for (int i = 0; i < count; i++) {
            check(recv(events[i].data.fd, request, REQUEST, 0) == REQUEST, "recv");
            answers++;
            check(send(events[i].data.fd, request, REQUEST, 0) == REQUEST, "send");
        }
    }
    double took = now_s() - start;
    for (int i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
    close(poller);
    return (double)answers / took;
}

static double file_client(uint16_t port)
{
    char *buffer = malloc(CHUNK);
    int fd = dial(port);
    uint64_t bytes = 0;
    double start = now_s();
    while (now_s() - start < seconds) {
        ssize_t n = recv(fd, buffer, CHUNK, 0);
        check(n > 0, "recv");
        bytes += (uint64_t)n;
    }
    double took = now_s() - start;
    close(fd);
    free(buffer);
    return (double)bytes / took;
}

static void *client_run(void *argument)
{
    struct client *client = argument;
    pin(1);
    client->result = client->echo ? echo_client(client->port) : file_client(client->port);
    atomic_store(&over, 1);
    return NULL;
}

/* ---- raw servers ----------------------------------------------------------------------------------------------------
 */

struct served {
    double rate, cpu; /* per second; seconds of the server's thread per unit */
};

static struct served raw_echo(void)
{
    struct client client = {.echo = true};
    int listener = listen_any(&client.port);
    int poller = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    atomic_store(&over, 0);
    pthread_create(&client.thread, NULL, client_run, &client);
    double cpu = thread_cpu_s();
    while (!atomic_load(&over)) {
        struct epoll_event events[64];
        int count = epoll_wait(poller, events, 64, 100);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                event.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                epoll_ctl(poller, EPOLL_CTL_ADD, event.data.fd, &event);
                continue;
            }
            char bytes[4096];
            ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
            if (n <= 0)
                close(fd);
            else if (send(fd, bytes, (size_t)n, MSG_NOSIGNAL) != n)
                close(fd);
        }
    }
    cpu = thread_cpu_s() - cpu;
    pthread_join(client.thread, NULL);
    close(poller);
    close(listener);
    return (struct served){client.result, cpu / (client.result * seconds)};
}

static struct served raw_sendfile(int file)
{
    struct client client = {.echo = false};
    char header[HEADER] = {0};
    int listener = listen_any(&client.port);
    atomic_store(&over, 0);
    pthread_create(&client.thread, NULL, client_run, &client);
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    double cpu = thread_cpu_s();
    for (off_t chunk = 0; !atomic_load(&over); chunk = (chunk + CHUNK) % FILE_BYTES) {
        off_t pos = chunk;
        bool broken = send(fd, header, HEADER, MSG_MORE | MSG_NOSIGNAL) != HEADER;
        while (!broken && pos < chunk + CHUNK) {
            ssize_t n = sendfile(fd, file, &pos, (size_t)(chunk + CHUNK - pos));
            struct pollfd writable = {.fd = fd, .events = POLLOUT};
            if (n < 0 && errno == EAGAIN)
                poll(&writable, 1, -1);
            else
                broken = n <= 0;
        }
        if (broken)
            break;
    }
    cpu = thread_cpu_s() - cpu;
    pthread_join(client.thread, NULL);
    close(fd);
    close(listener);
    return (struct served){client.result, cpu / (client.result * seconds)};
}

/* ---- the same on a machine
 * ------------------------------------------------------------------------------------------- */

struct peer {
    struct io_receiver receiver;
    struct io_send send;
    struct io_piece pieces[2];
    uint8_t bytes[4096];
    struct io *io;
    io_socket socket;
    io_file file; /* IO_NONE: echo */
    bool sending;
};

struct server {
    struct io_listener listener;
    struct peer peers[CONNECTIONS];
    int count;
    struct io *io;
    struct io_timer ticker;
    io_file file;
};

static void echo_sent(struct io_send *send)
{
    struct peer *peer = CONTAINER_OF(send, struct peer, send);
    peer->sending = false;
}

static void echo_bytes(struct io_receiver *receiver, const uint8_t *data, size_t length, enum err err)
{
    struct peer *peer = CONTAINER_OF(receiver, struct peer, receiver);
    if (length == 0 || err != ERR_OK) {
        if (!peer->sending)
            io_close_socket(peer->io, peer->socket);
        return;
    }
    memcpy(peer->bytes, data, length);
    peer->sending = true;
    peer->pieces[0] = (struct io_piece){.data = peer->bytes, .length = length};
    peer->send = (struct io_send){.done = echo_sent, .pieces = peer->pieces, .count = 1};
    io_send(peer->io, &peer->send, peer->socket);
}

static void echo_stopped(struct io_receiver *receiver)
{
}

static void file_sent(struct io_send *send)
{
    struct peer *peer = CONTAINER_OF(send, struct peer, send);
    if (send->err != ERR_OK) {
        io_close_socket(peer->io, peer->socket);
        return;
    }
    peer->pieces[1].pos = (peer->pieces[1].pos + CHUNK) % FILE_BYTES;
    io_send(peer->io, &peer->send, peer->socket);
}

static void accepted(struct io_listener *listener, io_socket socket, const struct io_address *address)
{
    struct server *server = CONTAINER_OF(listener, struct server, listener);
    struct peer *peer = &server->peers[server->count++ % CONNECTIONS];
    *peer = (struct peer){.io = server->io, .socket = socket, .file = server->file};
    if (server->file == IO_NONE) {
        peer->receiver = (struct io_receiver){.on_bytes = echo_bytes, .stopped = echo_stopped};
        io_receive_start(server->io, &peer->receiver, socket);
        return;
    }
    peer->pieces[0] = (struct io_piece){.data = peer->bytes, .length = HEADER};
    peer->pieces[1] = (struct io_piece){.file = server->file, .length = CHUNK, .hot = true};
    peer->send = (struct io_send){.done = file_sent, .pieces = peer->pieces, .count = 2};
    io_send(server->io, &peer->send, socket);
}

static void listen_over(struct io_listener *listener)
{
}

/* The client says that it is over by a variable: look at it now and then, as the raw loops do. */
static void tick(struct io_timer *timer)
{
    struct server *server = CONTAINER_OF(timer, struct server, ticker);
    check(io_timer_start(server->io, timer, io_now_ns(server->io) + 50000000) == ERR_OK, "timer");
}

static struct served machine_serve(io_file file)
{
    static struct server server;
    struct machine *machine;
    char why[512];
    const struct machine_options options = {0};
    const struct io_listen_options listen_options = {.backlog = 64};
    struct io_address address;
    enum err err = machine_open(&options, &machine, why);
    if (err != ERR_OK) {
        fprintf(stderr, "io_limits: %s\n", why);
        exit(1);
    }
    server = (struct server){.listener = {.accepted = accepted, .stopped = listen_over}, .file = file};
    server.io = machine_io(machine, 0);
    server.ticker.fire = tick;
    tick(&server.ticker);
    io_address_parse("127.0.0.1", 0, &address);
    check(io_listen(server.io, &server.listener, &address, &listen_options) == ERR_OK, "io_listen");
    struct client client = {.echo = file == IO_NONE, .port = server.listener.port};
    atomic_store(&over, 0);
    pthread_create(&client.thread, NULL, client_run, &client);
    double cpu = thread_cpu_s();
    while (!atomic_load(&over))
        machine_turn(machine, true);
    cpu = thread_cpu_s() - cpu;
    pthread_join(client.thread, NULL);
    machine_close(machine);
    close(server.listener.socket);
    return (struct served){client.result, cpu / (client.result * seconds)};
}

static int make_file(const char *directory)
{
    int file = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    check(file >= 0, directory);
    char *bytes = calloc(1, CHUNK);
    for (int i = 0; i < FILE_BYTES / CHUNK; i++)
        check(write(file, bytes, CHUNK) == CHUNK, "write");
    free(bytes);
    return file;
}

int main(int argc, char **argv)
{
    seconds = argc > 1 ? strtod(argv[1], NULL) : 1.0;
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : 5;
    signal(SIGPIPE, SIG_IGN); /* of the raw sendfile loop */
    int file = make_file(argc > 3 ? argv[3] : "/var/tmp");
    pin(0);
    for (long i = 0; i < rounds; i++) {
        struct served raw = raw_echo(), ours = machine_serve(IO_NONE);
        printf("echo      raw %8.0f/s %5.2f us   machine %8.0f/s %5.2f us   rate %.2f cpu %.2f\n", raw.rate,
               raw.cpu * 1e6, ours.rate, ours.cpu * 1e6, ours.rate / raw.rate, ours.cpu / raw.cpu);
        raw = raw_sendfile(file);
        ours = machine_serve(file);
        printf("sendfile  raw %6.2f GB/s %.3f s/GB   machine %6.2f GB/s %.3f s/GB   rate %.2f cpu %.2f\n",
               raw.rate / 1e9, raw.cpu * 1e9, ours.rate / 1e9, ours.cpu * 1e9, ours.rate / raw.rate,
               ours.cpu / raw.cpu);
        fflush(stdout);
    }
    return 0;
}

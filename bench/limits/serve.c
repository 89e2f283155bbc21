/* The epoll loop of all three servers. */
#include "bench/limits/limit.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

uint16_t limit_listen(struct limit_server *server, uint16_t port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(port)};
    socklen_t length = sizeof(name);
    int one = 1;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    server->poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (server->listener < 0 || setsockopt(server->listener, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0 ||
        bind(server->listener, (struct sockaddr *)&name, length) != 0 || listen(server->listener, 4096) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&name, &length) != 0 ||
        epoll_ctl(server->poller, EPOLL_CTL_ADD, server->listener, &event) != 0)
        limit_fail("listen");
    return ntohs(name.sin_port);
}

static void accept_one(struct limit_server *server)
{
    int one = 1, fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct limit_conn *conn = calloc(1, sizeof(*conn));
    if (fd < 0 || conn == NULL)
        limit_fail("accept");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    conn->fd = fd;
    conn->in = malloc(LIMIT_FRAME_MAX);
    conn->out = malloc(LIMIT_FRAME_MAX);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    if (conn->in == NULL || conn->out == NULL || epoll_ctl(server->poller, EPOLL_CTL_ADD, fd, &event) != 0)
        limit_fail("epoll");
}

static void want_writable(struct limit_server *server, struct limit_conn *conn, bool wanted)
{
    if (conn->writable_wanted == wanted)
        return;
    struct epoll_event event = {.events = wanted ? EPOLLOUT : EPOLLIN, .data.ptr = conn};
    conn->writable_wanted = wanted;
    epoll_ctl(server->poller, EPOLL_CTL_MOD, conn->fd, &event);
}

static void drop(struct limit_conn *conn)
{
    close(conn->fd);
    free(conn->in);
    free(conn->out);
    free(conn);
}

/* False: the peer has gone. */
static bool send_out(struct limit_server *server, struct limit_conn *conn)
{
    while (conn->out_sent < conn->out_length) {
        ssize_t n = send(conn->fd, conn->out + conn->out_sent, conn->out_length - conn->out_sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            want_writable(server, conn, true);
            return true;
        }
        if (n < 0)
            return false;
        conn->out_sent += (size_t)n;
    }
    conn->out_length = conn->out_sent = 0;
    want_writable(server, conn, conn->read_left > 0 && !limit_read_on(server, conn));
    return true;
}

static void take_frames(struct limit_server *server, struct limit_conn *conn)
{
    size_t at = 0;
    while (conn->in_length - at >= 4) {
        size_t size = 4 + (size_t)get_u32(conn->in + at);
        if (size > LIMIT_FRAME_MAX)
            limit_fail("a frame above 2 MiB");
        if (conn->in_length - at < size)
            break;
        if (server->kind == LIMIT_APPEND) {
            limit_append(server, conn, conn->in + at, size);
        } else { /* one read at a time, as consumers ask */
            memcpy(conn->out, conn->in + at, 12);
            conn->read_left = server->read_bytes;
            (void)limit_read_on(server, conn);
        }
        at += size;
    }
    if (at > 0)
        memmove(conn->in, conn->in + at, conn->in_length - at);
    conn->in_length -= at;
}

static void receive(struct limit_server *server, struct limit_conn *conn)
{
    ssize_t n = recv(conn->fd, conn->in + conn->in_length, LIMIT_FRAME_MAX - conn->in_length, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        drop(conn);
        return;
    }
    conn->in_length += (size_t)n;
    if (server->kind == LIMIT_ECHO) {
        memcpy(conn->out + conn->out_length, conn->in, conn->in_length);
        conn->out_length += conn->in_length;
        conn->in_length = 0;
    } else {
        take_frames(server, conn);
    }
    if ((conn->out_length > 0 || conn->read_left > 0) && !send_out(server, conn))
        drop(conn);
}

void limit_serve(struct limit_server *server)
{
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(server->poller, events, 256, -1);
        for (int i = 0; i < count; i++) {
            struct limit_conn *conn = events[i].data.ptr;
            if (conn == NULL)
                accept_one(server);
            else if (!(events[i].events & EPOLLOUT))
                receive(server, conn);
            else if (!send_out(server, conn))
                drop(conn);
        }
    }
}

#include "bench/load/load.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

void link_open(struct load_link *link)
{
    int one = 1;
    struct load *load = link->worker->load;
    link->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (link->fd < 0)
        load_fail("socket: %s (see ulimit -n)", strerror(errno));
    if (connect(link->fd, (struct sockaddr *)&load->broker, sizeof(load->broker)) != 0)
        load_fail("connect: %s", strerror(errno));
    setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = link};
    if (epoll_ctl(link->worker->poller, EPOLL_CTL_ADD, link->fd, &event) != 0)
        load_fail("epoll: %s", strerror(errno));
}

static void want_writable(struct load_link *link, bool wanted)
{
    if (wanted == link->writable_wanted)
        return;
    struct epoll_event event = {.events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = link};
    link->writable_wanted = wanted;
    if (epoll_ctl(link->worker->poller, EPOLL_CTL_MOD, link->fd, &event) != 0)
        load_fail("epoll: %s", strerror(errno));
}

void link_flush(struct load_link *link)
{
    const struct load_template *template = link_template(link);
    const uint8_t *batch = link->own_batch != NULL ? link->own_batch : template->batch.data;
    const struct iovec parts[3] = {{link->head, template->head_length},
                                   {(void *)batch, template->batch.length},
                                   {(void *)template->tail, template->tail_length}};
    while (link->sent < link->to_send) {
        struct iovec left[3];
        int count = 0;
        size_t skip = link->sent;
        for (int i = 0; i < 3; i++) {
            size_t past = size_min(skip, parts[i].iov_len);
            skip -= past;
            if (past < parts[i].iov_len)
                left[count++] = (struct iovec){(uint8_t *)parts[i].iov_base + past, parts[i].iov_len - past};
        }
        struct msghdr message = {.msg_iov = left, .msg_iovlen = (size_t)count};
        ssize_t n = sendmsg(link->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            want_writable(link, true);
            return;
        }
        if (n < 0)
            load_fail("send: %s", strerror(errno));
        link->sent += (size_t)n;
    }
    want_writable(link, false);
    const struct load_group *group = link_group(link);
    if (group->role == ROLE_PRODUCE && group->acks == 0 && link->flight_count > 0)
        role_take(link, NULL, 0, load_now_ns()); /* nothing will come: sent is done */
}

void link_send_due(struct load_link *link, int64_t now_ns)
{
    const struct load_group *group = link_group(link);
    const struct load_template *template = link_template(link);
    struct load *load = link->worker->load;
    while (link->sent == link->to_send && (int)link->flight_count < group->depth) {
        if (atomic_load_explicit(&load->phase, memory_order_relaxed) >= PHASE_DRAIN || group->role == ROLE_IDLE)
            return;
        int64_t intended_ns = now_ns;
        if (group->rate > 0 || group->bytes_rate > 0) {
            if (link->next_ns > now_ns)
                return;
            intended_ns = link->next_ns;
            if (group->rate > 0)
                link->next_ns += (int64_t)((double)group->connections * 1e9 / group->rate);
        }
        link->sent = 0;
        link->to_send = template->head_length + template->batch.length + template->tail_length;
        role_prepare(link, intended_ns);
        link_flush(link);
    }
}

/* Several small answers come with one call; a large one is received straight to its place. */
void link_receive(struct load_link *link)
{
    for (;;) {
        ssize_t n = recv(link->fd, link->frame + link->received, link->frame_capacity - link->received, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            load_fail("the broker closed a connection: %s", n == 0 ? "end of stream" : strerror(errno));
        link->received += (size_t)n;
        bool more = link->received == link->frame_capacity;
        int64_t now_ns = load_now_ns();
        size_t at = 0;
        while (link->received - at >= 4) {
            size_t size = 4 + (size_t)get_u32(link->frame + at);
            if (size > link->frame_capacity)
                load_fail("an answer of %zu bytes where at most %zu were expected", size, link->frame_capacity);
            if (link->received - at < size)
                break;
            role_take(link, link->frame + at + 4, size - 4, now_ns);
            at += size;
        }
        if (at > 0)
            memmove(link->frame, link->frame + at, link->received - at);
        link->received -= at;
        link_send_due(link, now_ns);
        if (!more)
            return;
    }
}

/* Sockets: listening, connecting, both receive modes. */
#include "io/reactor/fs_posix.h"
#include "io/reactor/uring.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_RETRY_MS = 100 };

/* io_receiver._state */
enum {
    RECEIVER_ARMED = 1,    /* in the ring */
    RECEIVER_STOPPING = 2, /* stopped() is due */
    RECEIVER_ENDED = 4,    /* the ending on_bytes has been called */
};

/* ---- addresses ------------------------------------------------------------------------------------------------------
 */

static socklen_t to_sockaddr(const struct io_address *address, struct sockaddr_in6 *out)
{
    memset(out, 0, sizeof(*out));
    if (address->is_ipv6) {
        out->sin6_family = AF_INET6;
        out->sin6_port = htons(address->port);
        memcpy(&out->sin6_addr, address->bytes, 16);
        return sizeof(*out);
    }
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(address->port)};
    memcpy(&ipv4.sin_addr, address->bytes, 4);
    memcpy(out, &ipv4, sizeof(ipv4));
    return sizeof(ipv4);
}

static void from_sockaddr(const struct sockaddr_storage *from, struct io_address *address)
{
    *address = (struct io_address){.is_ipv6 = from->ss_family == AF_INET6};
    if (address->is_ipv6) {
        const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)from;
        address->port = ntohs(ipv6->sin6_port);
        memcpy(address->bytes, &ipv6->sin6_addr, 16);
    } else {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)from;
        address->port = ntohs(ipv4->sin_port);
        memcpy(address->bytes, &ipv4->sin_addr, 4);
    }
}

enum err uring_resolve(struct io *io, const char *host, uint16_t port, struct io_address *address)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(host, NULL, &hints, &found);
    if (result == EAI_MEMORY)
        return ERR_NO_MEMORY;
    if (result == EAI_AGAIN)
        return ERR_AGAIN;
    if (result != 0 || found == NULL)
        return ERR_NOT_FOUND;
    /* "localhost" often lists ::1 first while servers listen on 127.0.0.1 only: IPv4 where there is one. */
    const struct addrinfo *best = found;
    for (const struct addrinfo *it = found; it != NULL; it = it->ai_next)
        if (it->ai_family == AF_INET && best->ai_family != AF_INET)
            best = it;
    struct sockaddr_storage storage = {0};
    memcpy(&storage, best->ai_addr, best->ai_addrlen);
    freeaddrinfo(found);
    from_sockaddr(&storage, address);
    address->port = port;
    return ERR_OK;
}

static void set_option(int fd, int level, int name, int value)
{
    int result = setsockopt(fd, level, name, &value, sizeof(value));
    MAYBE(result < 0);
}

/* ---- listening ------------------------------------------------------------------------------------------------------
 */

static enum err bind_and_listen(int fd, const struct io_address *address, const struct io_listen_options *options,
                                uint16_t *port)
{
    struct sockaddr_in6 name;
    socklen_t length = to_sockaddr(address, &name);
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (address->is_ipv6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    int one = 1;
    if (options->share_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0)
        return err_from_errno(errno);
    if (bind(fd, (struct sockaddr *)&name, length) != 0 || listen(fd, options->backlog) != 0)
        return err_from_errno(errno);
    struct sockaddr_storage bound;
    length = sizeof(bound);
    if (getsockname(fd, (struct sockaddr *)&bound, &length) != 0)
        return err_from_errno(errno);
    struct io_address found;
    from_sockaddr(&bound, &found);
    *port = found.port;
    return ERR_OK;
}

static void accept_again(struct io_timer *timer)
{
    struct io_listener *listener = CONTAINER_OF(timer, struct io_listener, _retry);
    uring_submit(uring_of(listener->_io), &listener->_op, URING_ACCEPT);
}

enum err uring_listen(struct io *io, struct io_listener *listener, const struct io_address *address,
                      const struct io_listen_options *options)
{
    int fd = socket(address->is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_from_errno(errno);
    enum err err = bind_and_listen(fd, address, options, &listener->port);
    if (err != ERR_OK) {
        close(fd);
        return err;
    }
    listener->socket = fd;
    listener->_retry = (struct io_timer){.fire = accept_again};
    listener->_op._private[0] = (uint64_t)fd;
    uring_submit(uring_of(io), &listener->_op, URING_ACCEPT);
    return ERR_OK;
}

static void listener_over(struct io_listener *listener)
{
    close(listener->socket);
    listener->socket = IO_NONE;
    listener->stopped(listener);
}

static void listener_over_deferred(struct io_op *op)
{
    listener_over(CONTAINER_OF(op, struct io_listener, _op));
}

void uring_listen_stop(struct io *io, struct io_listener *listener)
{
    if (!io_timer_running(&listener->_retry)) {
        uring_cancel(uring_of(io), &listener->_op);
        return;
    }
    io_timer_stop(io, &listener->_retry);
    listener->_op.done = listener_over_deferred;
    io_defer(io, &listener->_op, ERR_OK, 0);
}

static void hand_over(struct io_listener *listener, int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t length = sizeof(name);
    if (listener->_stopping || getpeername(fd, (struct sockaddr *)&name, &length) != 0) {
        close(fd); /* ENOTCONN: the peer has gone already */
        return;
    }
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    struct io_address peer;
    from_sockaddr(&name, &peer);
    listener->accepted(listener, fd, &peer);
}

/* A resource is short: the connections wait in the backlog, and asking again at once would spin. */
static bool accept_later(struct io_listener *listener)
{
    struct io *io = listener->_io;
    return io_timer_start(io, &listener->_retry, io->now_ns + ACCEPT_RETRY_MS * (int64_t)1000000) == ERR_OK;
}

static bool accept_goes_on(struct io_listener *listener, int result)
{
    switch (result < 0 ? -result : 0) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EPERM: /* a firewall's verdict on one connection */
        if (accept_later(listener))
            return true;
        break; /* no memory for a timer: at once, then */
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
        return false;
    default: /* ECONNABORTED and errors of the network that belong to one connection */
        break;
    }
    uring_submit(uring_of(listener->_io), &listener->_op, URING_ACCEPT);
    return true;
}

static void accept_done(struct io_listener *listener, int result, bool more)
{
    if (result >= 0)
        hand_over(listener, result);
    if (more) /* accepted() may have stopped the listener, but it is not over before its last completion */
        return;
    if (listener->_stopping || !accept_goes_on(listener, result))
        listener_over(listener);
}

/* ---- connecting: _private[0] is the socket, [1..4] the address, [5] its length --------------------------------------
 */

static_assert(sizeof(struct sockaddr_in6) <= 4 * sizeof(uint64_t), "an address fits into the operation");

void uring_connect(struct io *io, struct io_op *op, const struct io_address *address)
{
    int fd = socket(address->is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        io_defer(io, op, err_from_errno(errno), IO_NONE);
        return;
    }
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    struct sockaddr_in6 name;
    op->_private[0] = (uint64_t)fd;
    op->_private[5] = to_sockaddr(address, &name);
    memcpy(&op->_private[1], &name, sizeof(name));
    uring_submit(uring_of(io), op, URING_CONNECT);
}

static void connect_done(struct io_op *op, int result)
{
    int fd = (int)op->_private[0];
    op->err = err_from_errno(result < 0 ? -result : 0);
    op->result = fd;
    if (result < 0) {
        close(fd);
        op->result = IO_NONE;
    }
    op->done(op);
}

/* ---- receiving, small mode
 * ------------------------------------------------------------------------------------------- */

void uring_receive_start(struct io *io, struct io_receiver *receiver)
{
    receiver->_state = RECEIVER_ARMED;
    receiver->_op._private[0] = (uint64_t)receiver->_socket;
    uring_submit(uring_of(io), &receiver->_op, URING_RECEIVE);
}

static void receiver_stopped(struct io_op *op)
{
    struct io_receiver *receiver = CONTAINER_OF(op, struct io_receiver, _op);
    receiver->stopped(receiver);
}

void uring_receive_stop(struct io *io, struct io_receiver *receiver)
{
    ASSERT((receiver->_state & RECEIVER_STOPPING) == 0);
    receiver->_state |= RECEIVER_STOPPING;
    if ((receiver->_state & RECEIVER_ARMED) != 0) {
        uring_cancel(uring_of(io), &receiver->_op);
        return;
    }
    receiver->_op.done = receiver_stopped;
    io_defer(io, &receiver->_op, ERR_OK, 0);
}

static void give_back(struct uring *uring, unsigned id)
{
    io_uring_buf_ring_add(uring->buffer_ring, uring->buffers + (size_t)id * URING_BUFFER_BYTES, URING_BUFFER_BYTES,
                          (unsigned short)id, io_uring_buf_ring_mask(URING_BUFFERS), 0);
    io_uring_buf_ring_advance(uring->buffer_ring, 1);
}

/* Hands bytes or the end to the user. False: the mode has ended and the receiver may be gone. */
static bool show(struct uring *uring, struct io_receiver *receiver, int result, uint32_t flags)
{
    if (result > 0) {
        ASSERT((flags & IORING_CQE_F_BUFFER) != 0);
        unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;
        ASSERT(id < URING_BUFFERS);
        receiver->on_bytes(receiver, uring->buffers + (size_t)id * URING_BUFFER_BYTES, (size_t)result, ERR_OK);
        give_back(uring, id);
        return true;
    }
    if (result == -ENOBUFS || result == -EAGAIN || result == -EINTR)
        return true; /* all buffers were in use: those of this turn are back by now */
    if (result == -ECANCELED && (receiver->_state & RECEIVER_STOPPING) != 0)
        return true;
    receiver->_state |= RECEIVER_ENDED;
    bool stopping = (receiver->_state & RECEIVER_STOPPING) != 0;
    receiver->on_bytes(receiver, NULL, 0, err_from_errno(-result));
    return stopping;
}

static void receive_done(struct uring *uring, struct io_receiver *receiver, int result, uint32_t flags)
{
    bool more = (flags & IORING_CQE_F_MORE) != 0;
    bool stopping = (receiver->_state & RECEIVER_STOPPING) != 0;
    if (!more)
        receiver->_state &= (uint8_t)~RECEIVER_ARMED;
    if (!show(uring, receiver, result, flags) || more)
        return;
    if (stopping)
        receiver->stopped(receiver);
    else if ((receiver->_state & RECEIVER_STOPPING) == 0) { /* stopped by on_bytes just now: stopped() is deferred */
        receiver->_state |= RECEIVER_ARMED;
        uring_submit(uring, &receiver->_op, URING_RECEIVE);
    }
}

/* ---- receiving, large mode: _private is socket, buffer, length
 * -------------------------------------------------------- */

void uring_receive_into(struct io *io, struct io_op *op, io_socket socket, void *buffer, size_t length)
{
    op->_private[0] = (uint64_t)socket;
    op->_private[1] = (uintptr_t)buffer;
    op->_private[2] = length;
    uring_submit(uring_of(io), op, URING_RECEIVE_INTO);
}

static void receive_into_done(struct uring *uring, struct io_op *op, int result)
{
    if (result == -EINTR || result == -EAGAIN) {
        uring_submit(uring, op, URING_RECEIVE_INTO);
        return;
    }
    op->err = err_from_errno(result < 0 ? -result : 0);
    op->result = result < 0 ? 0 : result;
    op->done(op);
}

/* ---- the rest
 * ---------------------------------------------------------------------------------------------------------- */

void uring_socket_prepare(struct io_uring_sqe *sqe, struct io_op *op)
{
    int fd = (int)op->_private[0];
    switch (op->_kind) {
    case URING_ACCEPT:
        io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        break;
    case URING_CONNECT:
        io_uring_prep_connect(sqe, fd, (const struct sockaddr *)&op->_private[1], (socklen_t)op->_private[5]);
        break;
    case URING_RECEIVE:
        io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = URING_BUFFER_GROUP;
        break;
    case URING_RECEIVE_INTO:
        io_uring_prep_recv(sqe, fd, (void *)(uintptr_t)op->_private[1], size_min(op->_private[2], 1 << 30), 0);
        break;
    default:
        UNREACHABLE();
    }
}

void uring_socket_done(struct uring *uring, struct io_op *op, int result, uint32_t flags)
{
    switch (op->_kind) {
    case URING_ACCEPT:
        accept_done(CONTAINER_OF(op, struct io_listener, _op), result, (flags & IORING_CQE_F_MORE) != 0);
        break;
    case URING_CONNECT:
        connect_done(op, result);
        break;
    case URING_RECEIVE:
        receive_done(uring, CONTAINER_OF(op, struct io_receiver, _op), result, flags);
        break;
    case URING_RECEIVE_INTO:
        receive_into_done(uring, op, result);
        break;
    default:
        UNREACHABLE();
    }
}

enum err uring_socket_buffers(struct io *io, io_socket socket, int send_bytes, int receive_bytes)
{
    if (send_bytes >= 0 && setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes)) != 0)
        return err_from_errno(errno);
    if (receive_bytes >= 0 && setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)) != 0)
        return err_from_errno(errno);
    return ERR_OK;
}

void uring_shutdown(struct io *io, io_socket socket)
{
    int result = shutdown(socket, SHUT_RDWR);
    MAYBE(result < 0); /* ENOTCONN: it is over already */
}

void uring_close_socket(struct io *io, io_socket socket)
{
    close(socket);
}

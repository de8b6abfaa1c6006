/* A network that takes its time: passes TCP connections on to a server, each byte so much later, in both directions.
 *
 *   delay-proxy HOST PORT MICROSECONDS
 *
 * It listens on 127.0.0.1 and prints the port. It ends when its standard input does. A round trip takes twice the time
 * given; bandwidth is not limited, and opening a connection is not delayed.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

/* READ: the most that is read at once. HELD: the most that waits in one direction before no more is read. */
enum { READ = 256 << 10, HELD = 64 << 20 };

/* What was read at once, and when it is due. An empty one is the end of the stream. */
struct chunk {
    struct chunk *next;
    int64_t due;
    size_t length, sent;
    char bytes[];
};

struct direction {
    int from, to;
    struct chunk *first, **last;
    size_t held;
    int is_read, is_passed_on, is_blocked;
};

struct connection {
    struct connection *next;
    struct direction directions[2];
};

static int64_t delay;
static struct connection *connections;

static void fail(const char *what, const char *why) {
    fprintf(stderr, "delay-proxy: %s: %s\n", what, why);
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int is_for_later(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

/* Reads what has come. 0 if the connection has failed. */
static int take(struct direction *direction) {
    static char buffer[READ];
    ssize_t length = recv(direction->from, buffer, sizeof buffer, 0);
    if (length < 0) return is_for_later();
    struct chunk *chunk = malloc(sizeof *chunk + length);
    if (!chunk) fail("read", "out of memory");
    *chunk = (struct chunk){.due = now() + delay, .length = length};
    memcpy(chunk->bytes, buffer, length);
    *direction->last = chunk;
    direction->last = &chunk->next;
    direction->held += length;
    direction->is_read = length == 0;
    return 1;
}

/* Sends what is due. 0 if the connection has failed. */
static int pass_on(struct direction *direction, int64_t time) {
    direction->is_blocked = 0;
    struct chunk *chunk;
    while ((chunk = direction->first) && chunk->due <= time) {
        if (chunk->length == 0) {
            shutdown(direction->to, SHUT_WR);
            direction->is_passed_on = 1;
        }
        while (chunk->sent < chunk->length) {
            ssize_t sent = send(direction->to, chunk->bytes + chunk->sent, chunk->length - chunk->sent, 0);
            if (sent < 0) {
                direction->is_blocked = is_for_later();
                return direction->is_blocked;
            }
            chunk->sent += sent;
        }
        direction->held -= chunk->length;
        if (!(direction->first = chunk->next)) direction->last = &direction->first;
        free(chunk);
    }
    return 1;
}

static void make_ready(int socket) {
    if (socket >= FD_SETSIZE) fail("connection", "there are too many");
    int yes = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    fcntl(socket, F_SETFL, O_NONBLOCK);
}

static void connect_to(const struct addrinfo *server, int client) {
    int upstream = socket(server->ai_family, SOCK_STREAM, 0);
    if (upstream < 0 || connect(upstream, server->ai_addr, server->ai_addrlen)) {
        if (upstream >= 0) close(upstream);
        close(client);
        return;
    }
    make_ready(client);
    make_ready(upstream);
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) fail("connection", "out of memory");
    for (int i = 0; i < 2; i++) {
        struct direction *direction = &connection->directions[i];
        direction->from = i ? upstream : client;
        direction->to = i ? client : upstream;
        direction->last = &direction->first;
    }
    connection->next = connections;
    connections = connection;
}

static void end(struct connection *connection) {
    for (int i = 0; i < 2; i++) {
        close(connection->directions[i].from);
        for (struct chunk *chunk = connection->directions[i].first, *next; chunk; chunk = next) {
            next = chunk->next;
            free(chunk);
        }
    }
    free(connection);
}

static int listen_on_loopback(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 512) ||
        getsockname(listener, (struct sockaddr *)&address, &size))
        fail("listen", strerror(errno));
    fcntl(listener, F_SETFL, O_NONBLOCK);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int count, char **arguments) {
    if (count != 4) fail("usage", "HOST PORT MICROSECONDS");
    delay = atoll(arguments[3]) * 1000;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *server;
    int error = getaddrinfo(arguments[1], arguments[2], &hints, &server);
    if (error) fail(arguments[1], gai_strerror(error));
    signal(SIGPIPE, SIG_IGN);
#ifdef __linux__
    prctl(PR_SET_TIMERSLACK, 1UL); /* Or a wait takes up to 50 µs more. */
#endif
    int listener = listen_on_loopback();
    for (;;) {
        fd_set readable, writable;
        FD_ZERO(&readable);
        FD_ZERO(&writable);
        FD_SET(STDIN_FILENO, &readable);
        FD_SET(listener, &readable);
        int most = listener;
        int64_t time = now(), due = INT64_MAX;
        for (struct connection **link = &connections, *connection; (connection = *link);) {
            int is_alive = 1, is_over = 1;
            for (int i = 0; i < 2; i++) {
                struct direction *direction = &connection->directions[i];
                if (is_alive) is_alive = pass_on(direction, time);
                if (!direction->is_read && direction->held < HELD) FD_SET(direction->from, &readable);
                if (direction->is_blocked) FD_SET(direction->to, &writable);
                else if (direction->first && direction->first->due < due) due = direction->first->due;
                if (direction->from > most) most = direction->from;
                is_over &= direction->is_passed_on;
            }
            if (is_alive && !is_over) {
                link = &connection->next;
                continue;
            }
            for (int i = 0; i < 2; i++) {
                FD_CLR(connection->directions[i].from, &readable);
                FD_CLR(connection->directions[i].from, &writable);
            }
            *link = connection->next;
            end(connection);
        }
        int64_t wait = due == INT64_MAX ? 0 : due - now();
        if (wait < 0) wait = 0;
        struct timespec timeout = {wait / 1000000000, wait % 1000000000};
        if (pselect(most + 1, &readable, &writable, NULL, due == INT64_MAX ? NULL : &timeout, NULL) < 0) {
            if (errno == EINTR) continue;
            fail("wait", strerror(errno));
        }
        char byte;
        if (FD_ISSET(STDIN_FILENO, &readable) && read(STDIN_FILENO, &byte, 1) <= 0) return 0;
        for (struct connection *connection = connections; connection; connection = connection->next)
            for (int i = 0; i < 2; i++) {
                struct direction *direction = &connection->directions[i];
                if (FD_ISSET(direction->from, &readable) && !take(direction)) {
                    /* The other side learns of it at once, by the end of its stream. */
                    direction->is_read = connection->directions[0].is_passed_on = 1;
                    connection->directions[1].is_passed_on = 1;
                }
            }
        if (FD_ISSET(listener, &readable)) {
            int client = accept(listener, NULL, NULL);
            if (client >= 0) connect_to(server, client);
        }
    }
}

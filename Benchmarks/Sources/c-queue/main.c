/* What small C programs on libmariadb do with a message queue's table, a thread for each connection.
 *
 *   c-queue HOST PORT USER PASSWORD DATABASE TABLE WORKLOAD THREADS SECONDS
 *
 * WORKLOAD:
 *   take     Fedify's TypeScript queue: one message in a transaction that locks and deletes it
 *   both     the same, while as many threads insert a message at a time; counted are the messages taken
 *   ordered  the same for messages with the keys key-0 to key-999: a lock of the key around each transaction
 *   claim    the batched limit: leases 256 messages in a transaction, and deletes them in a statement
 *   insert   one message at a time
 *   read     one message by its id
 *   server   prints the server's version
 *
 * One line of JSON comes out: messages and the seconds they took, p50 and p99 of the latencies of a step in
 * microseconds, and microseconds of this process's CPU for a message. It ends before SECONDS if no message is left.
 */
#include <errno.h>
#include <mysql.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { ID = 36, MESSAGE = 200, BATCH = 256, KEYS = 1000, DEADLOCK = 1213, LOCK_WAIT = 1205 };

static const char *host, *user, *password, *database, *table, *workload;
static int port;
static atomic_int is_over, running;

static void fail(const char *what, const char *why) {
    fprintf(stderr, "c-queue: %s: %s\n", what, why);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void pause_for(long milliseconds) {
    struct timespec time = {0, milliseconds * 1000000};
    nanosleep(&time, NULL);
}

static double cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* A thread and its connection */

typedef struct Worker Worker;
struct Worker {
    int number;
    /* How many messages it was; 0: none is left; -1: the transaction was rolled back. */
    int (*step)(Worker *);
    int is_counted;
    MYSQL *mysql;
    MYSQL_STMT *first, *second, *lock, *unlock;
    uint64_t messages, turns;
    uint32_t *latencies;
    size_t count, capacity;
    double ended;
    char ids[BATCH][ID + 1], found[1024], message[MESSAGE + 1], token[32], position[32], key[32], name[96];
    unsigned long id_lengths[BATCH], found_length, message_length, token_length, position_length, key_length, name_length;
    MYSQL_BIND ids_bind[BATCH + 2], found_bind[4], bind[2], name_bind, answer_bind;
    int answer;
};

static void command(Worker *worker, const char *sql) {
    if (mysql_real_query(worker->mysql, sql, strlen(sql))) fail(sql, mysql_error(worker->mysql));
}

/* 0: done; -1: rolled back, as it met another transaction. */
static int execute(Worker *worker, MYSQL_STMT *statement) {
    if (!mysql_stmt_execute(statement)) return 0;
    unsigned error = mysql_stmt_errno(statement);
    if (error != DEADLOCK && error != LOCK_WAIT) fail(workload, mysql_stmt_error(statement));
    command(worker, "ROLLBACK");
    return -1;
}

__attribute__((format(printf, 2, 3))) static MYSQL_STMT *prepare(Worker *worker, const char *format, ...) {
    char sql[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    MYSQL_STMT *statement = mysql_stmt_init(worker->mysql);
    if (mysql_stmt_prepare(statement, sql, strlen(sql))) fail(sql, mysql_stmt_error(statement));
    return statement;
}

static void bind_text(MYSQL_BIND *bind, char *text, unsigned long *length, unsigned long capacity) {
    memset(bind, 0, sizeof *bind);
    bind->buffer_type = MYSQL_TYPE_STRING;
    bind->buffer = text;
    bind->buffer_length = capacity;
    bind->length = length;
}

static void bind_parameters(MYSQL_STMT *statement, MYSQL_BIND *bind) {
    if (mysql_stmt_bind_param(statement, bind)) fail("parameters", mysql_stmt_error(statement));
}

static void bind_results(MYSQL_STMT *statement, MYSQL_BIND *bind) {
    if (mysql_stmt_bind_result(statement, bind)) fail("results", mysql_stmt_error(statement));
}

static int fetch(MYSQL_STMT *statement) {
    int status = mysql_stmt_fetch(statement);
    if (status != 0 && status != MYSQL_NO_DATA) fail("fetch", mysql_stmt_error(statement));
    return status == 0;
}

static void connect_to_server(Worker *worker) {
    worker->mysql = mysql_init(NULL);
    my_bool no = 0;
    mysql_options(worker->mysql, MYSQL_OPT_SSL_ENFORCE, &no);
    mysql_options(worker->mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &no);
    unsigned tcp = MYSQL_PROTOCOL_TCP;
    mysql_options(worker->mysql, MYSQL_OPT_PROTOCOL, &tcp);
    mysql_options(worker->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (!mysql_real_connect(worker->mysql, host, user, password, database, port, NULL, CLIENT_FOUND_ROWS))
        fail("connect", mysql_error(worker->mysql));
}

/* One message in a transaction */

static void prepare_delete(Worker *worker) {
    bind_text(&worker->found_bind[0], worker->ids[0], &worker->id_lengths[0], ID + 1);
    bind_text(&worker->found_bind[1], worker->found, &worker->found_length, sizeof worker->found);
    bind_results(worker->first, worker->found_bind);
    worker->second = prepare(worker, "DELETE FROM %s WHERE `id` = ?", table);
    bind_text(&worker->ids_bind[0], worker->ids[0], &worker->id_lengths[0], ID);
    bind_parameters(worker->second, worker->ids_bind);
}

static int take(Worker *worker) {
    command(worker, "START TRANSACTION");
    if (execute(worker, worker->first)) return -1;
    int rows = fetch(worker->first);
    mysql_stmt_free_result(worker->first);
    if (!rows) {
        command(worker, "ROLLBACK");
        return 0;
    }
    if (execute(worker, worker->second)) return -1;
    command(worker, "COMMIT");
    return 1;
}

/* The index is named so that no plan is worse than it could be. */
static void prepare_take(Worker *worker) {
    worker->step = take;
    worker->is_counted = 1;
    worker->first = prepare(
        worker,
        "SELECT `id`, `message` FROM %s FORCE INDEX (`idx_%s_deliver_after`) WHERE `deliver_after` <= NOW(6) AND "
        "`ordering_key` IS NULL ORDER BY `deliver_after` LIMIT 1 FOR UPDATE SKIP LOCKED",
        table, table);
    prepare_delete(worker);
}

/* The same under a lock of the key. The keys are known here: Fedify's search for them, which groups the messages of all
 * keys each time, is left out. */
static int take_ordered(Worker *worker) {
    unsigned key = (worker->number * 61 + worker->turns++) % KEYS;
    worker->key_length = snprintf(worker->key, sizeof worker->key, "key-%u", key);
    worker->name_length = snprintf(worker->name, sizeof worker->name, "%s:key-%u", table, key);
    if (execute(worker, worker->lock)) return -1;
    fetch(worker->lock);
    mysql_stmt_free_result(worker->lock);
    if (worker->answer != 1) return -1;
    int messages = take(worker);
    if (execute(worker, worker->unlock)) return -1;
    mysql_stmt_free_result(worker->unlock);
    return messages;
}

static void prepare_ordered(Worker *worker) {
    worker->step = take_ordered;
    worker->is_counted = 1;
    worker->first = prepare(
        worker,
        "SELECT `id`, `message` FROM %s WHERE `deliver_after` <= NOW(6) AND `ordering_key` = ? ORDER BY `deliver_after` "
        "LIMIT 1",
        table);
    bind_text(&worker->bind[0], worker->key, &worker->key_length, sizeof worker->key);
    bind_parameters(worker->first, worker->bind);
    prepare_delete(worker);
    bind_text(&worker->name_bind, worker->name, &worker->name_length, sizeof worker->name);
    worker->lock = prepare(worker, "SELECT GET_LOCK(?, 0)");
    bind_parameters(worker->lock, &worker->name_bind);
    worker->answer_bind.buffer_type = MYSQL_TYPE_LONG;
    worker->answer_bind.buffer = &worker->answer;
    bind_results(worker->lock, &worker->answer_bind);
    worker->unlock = prepare(worker, "DO RELEASE_LOCK(?)");
    bind_parameters(worker->unlock, &worker->name_bind);
}

/* Many messages in a transaction */

static int claim(Worker *worker) {
    command(worker, "START TRANSACTION");
    if (execute(worker, worker->first)) return -1;
    int rows = 0;
    /* Each row into a buffer of its own. */
    for (;; rows++) {
        if (rows == BATCH) break;
        bind_text(&worker->found_bind[0], worker->ids[rows], &worker->id_lengths[rows], ID + 1);
        bind_results(worker->first, worker->found_bind);
        if (!fetch(worker->first)) break;
    }
    mysql_stmt_free_result(worker->first);
    if (!rows) {
        command(worker, "ROLLBACK");
        int was_all = !strcmp(worker->position, "1000-01-01");
        strcpy(worker->position, "1000-01-01");
        worker->position_length = strlen(worker->position);
        return was_all ? 0 : -1;
    }
    /* The last ones stand there more than once. */
    for (int i = rows; i < BATCH; i++) {
        memcpy(worker->ids[i], worker->ids[0], ID);
        worker->id_lengths[i] = worker->id_lengths[0];
    }
    if (execute(worker, worker->second)) return -1;
    command(worker, "COMMIT");
    /* The handlers do nothing. */
    if (execute(worker, worker->lock)) return -1;
    return rows;
}

/* Begins behind what the thread claimed last, past the marks of deleted rows that the server has yet to purge. */
static void prepare_claim(Worker *worker) {
    worker->step = claim;
    worker->is_counted = 1;
    command(worker, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED");
    worker->first = prepare(
        worker,
        "SELECT `id`, `message`, NOW(6) + INTERVAL 30 SECOND, `deliver_after` FROM %s "
        "FORCE INDEX (`idx_%s_deliver_after`) WHERE `deliver_after` >= ? AND `deliver_after` <= NOW(6) AND "
        "`ordering_key` IS NULL ORDER BY `deliver_after` LIMIT %d FOR UPDATE SKIP LOCKED",
        table, table, BATCH);
    strcpy(worker->position, "1000-01-01");
    worker->position_length = strlen(worker->position);
    bind_text(&worker->bind[0], worker->position, &worker->position_length, sizeof worker->position);
    bind_parameters(worker->first, worker->bind);
    bind_text(&worker->found_bind[1], worker->found, &worker->found_length, sizeof worker->found);
    bind_text(&worker->found_bind[2], worker->token, &worker->token_length, sizeof worker->token);
    bind_text(&worker->found_bind[3], worker->position, &worker->position_length, sizeof worker->position);
    char marks[2 * BATCH];
    for (int i = 0; i < 2 * BATCH - 1; i++) marks[i] = i % 2 ? ',' : '?';
    marks[2 * BATCH - 1] = 0;
    for (int i = 0; i < BATCH; i++) bind_text(&worker->ids_bind[i + 1], worker->ids[i], &worker->id_lengths[i], ID);
    bind_text(&worker->ids_bind[0], worker->token, &worker->token_length, sizeof worker->token);
    worker->ids_bind[BATCH + 1] = worker->ids_bind[0];
    worker->second = prepare(worker, "UPDATE %s SET `deliver_after` = ? WHERE `id` IN (%s)", table, marks);
    bind_parameters(worker->second, worker->ids_bind);
    worker->lock = prepare(worker, "DELETE FROM %s WHERE `id` IN (%s) AND `deliver_after` = ?", table, marks);
    bind_parameters(worker->lock, worker->ids_bind + 1);
}

/* Enqueueing */

static int insert(Worker *worker) { return execute(worker, worker->first) ? -1 : 1; }

static void prepare_insert(Worker *worker) {
    worker->step = insert;
    worker->is_counted = !strcmp(workload, "insert");
    worker->first = prepare(
        worker,
        "INSERT INTO %s (`id`, `message`, `deliver_after`, `ordering_key`) VALUES (UUID(), ?, DATE_ADD(NOW(6), INTERVAL "
        "? MICROSECOND), NULL)",
        table);
    worker->message_length = snprintf(worker->message, sizeof worker->message, "{\"n\":%d,\"text\":\"", worker->number);
    while (worker->message_length < MESSAGE - 2) worker->message[worker->message_length++] = 'x';
    memcpy(worker->message + worker->message_length, "\"}", 2);
    worker->message_length = MESSAGE;
    bind_text(&worker->bind[0], worker->message, &worker->message_length, MESSAGE);
    worker->bind[1].buffer_type = MYSQL_TYPE_LONG;
    worker->bind[1].buffer = &worker->answer;
    bind_parameters(worker->first, worker->bind);
}

static int read_one(Worker *worker) {
    if (execute(worker, worker->second)) return -1;
    if (!fetch(worker->second)) fail("read", "the message isn't there");
    mysql_stmt_free_result(worker->second);
    return 1;
}

static void prepare_read(Worker *worker) {
    worker->step = read_one;
    worker->is_counted = 1;
    worker->first = prepare(worker, "SELECT `id`, `message` FROM %s LIMIT 1", table);
    bind_text(&worker->found_bind[0], worker->ids[0], &worker->id_lengths[0], ID + 1);
    bind_text(&worker->found_bind[1], worker->found, &worker->found_length, sizeof worker->found);
    bind_results(worker->first, worker->found_bind);
    if (execute(worker, worker->first) || !fetch(worker->first)) fail("read", "the table is empty");
    mysql_stmt_free_result(worker->first);
    worker->second = prepare(worker, "SELECT `id`, `message` FROM %s WHERE `id` = ?", table);
    bind_results(worker->second, worker->found_bind);
    bind_text(&worker->ids_bind[0], worker->ids[0], &worker->id_lengths[0], ID);
    bind_parameters(worker->second, worker->ids_bind);
}

/* All threads */

static void record(Worker *worker, double from) {
    if (worker->count == worker->capacity) {
        worker->capacity = worker->capacity ? 2 * worker->capacity : 1 << 16;
        worker->latencies = realloc(worker->latencies, worker->capacity * sizeof *worker->latencies);
        if (!worker->latencies) fail("record", "out of memory");
    }
    worker->latencies[worker->count++] = (uint32_t)((worker->ended - from) * 1e6);
}

static void *run(void *argument) {
    Worker *worker = argument;
    /* Others insert while `both` runs, and a key can be empty before the others are. */
    int patience = !strcmp(workload, "ordered") ? 2 * KEYS : 3, misses = 0;
    while (!is_over && (misses < patience || !strcmp(workload, "both"))) {
        double from = now();
        int messages = worker->step(worker);
        if (messages < 0) continue;
        misses = messages ? 0 : misses + 1;
        if (!messages && !strcmp(workload, "both")) pause_for(1);
        if (!messages || !worker->is_counted) continue;
        worker->ended = now();
        worker->messages += messages;
        record(worker, from);
    }
    running--;
    return NULL;
}

static int by_size(const void *left, const void *right) {
    uint32_t l = *(const uint32_t *)left, r = *(const uint32_t *)right;
    return (l > r) - (l < r);
}

static const struct {
    const char *name;
    void (*prepare)(Worker *);
} workloads[] = {
    {"take", prepare_take},   {"both", prepare_take},     {"ordered", prepare_ordered},
    {"claim", prepare_claim}, {"insert", prepare_insert}, {"read", prepare_read},
};

int main(int count, char **arguments) {
    if (count != 10) fail("usage", "HOST PORT USER PASSWORD DATABASE TABLE WORKLOAD THREADS SECONDS");
    host = arguments[1];
    port = atoi(arguments[2]);
    user = arguments[3];
    password = arguments[4];
    database = arguments[5];
    table = arguments[6];
    workload = arguments[7];
    int threads = atoi(arguments[8]);
    double seconds = atof(arguments[9]);
    if (threads < 1 || threads > 128) fail("usage", "from 1 to 128 threads");
    if (mysql_library_init(0, NULL, NULL)) fail("libmariadb", "it can't be used");
    if (!strcmp(workload, "server")) {
        static Worker worker;
        connect_to_server(&worker);
        puts(mysql_get_server_info(worker.mysql));
        return 0;
    }
    void (*prepare_worker)(Worker *) = NULL;
    for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
        if (!strcmp(workloads[i].name, workload)) prepare_worker = workloads[i].prepare;
    if (!prepare_worker) fail("no such workload", workload);
    int all = strcmp(workload, "both") ? threads : 2 * threads;
    Worker *workers = calloc(all, sizeof *workers);
    if (!workers) fail("workers", "out of memory");
    for (int i = 0; i < all; i++) {
        workers[i].number = i;
        connect_to_server(&workers[i]);
        (i < threads ? prepare_worker : prepare_insert)(&workers[i]);
    }
    running = all;
    double from = now(), busy = cpu();
    pthread_t ids[256];
    for (int i = 0; i < all; i++)
        if (pthread_create(&ids[i], NULL, run, &workers[i])) fail("thread", strerror(errno));
    /* Until the time is over, or no message is left: then the threads end by themselves. */
    while (running > 0 && now() < from + seconds) pause_for(2);
    is_over = 1;
    for (int i = 0; i < all; i++) pthread_join(ids[i], NULL);
    busy = cpu() - busy;
    uint64_t messages = 0;
    size_t total = 0;
    double ended = from;
    for (int i = 0; i < all; i++) {
        messages += workers[i].messages;
        total += workers[i].count;
        if (workers[i].ended > ended) ended = workers[i].ended;
    }
    if (!total) fail(workload, "nothing was measured");
    uint32_t *latencies = malloc(total * sizeof *latencies);
    if (!latencies) fail("result", "out of memory");
    size_t used = 0;
    for (int i = 0; i < all; i++) {
        if (workers[i].count) memcpy(latencies + used, workers[i].latencies, workers[i].count * sizeof *latencies);
        used += workers[i].count;
    }
    qsort(latencies, total, sizeof *latencies, by_size);
    printf(
        "{\"operations\":%llu,\"seconds\":%.6f,\"p50\":%u,\"p99\":%u,\"cpu\":%.3f}\n", (unsigned long long)messages,
        ended - from, latencies[total / 2], latencies[total * 99 / 100], busy * 1e6 / messages);
    return 0;
}

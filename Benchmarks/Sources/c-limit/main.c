/* The limit: what a small C program on libmariadb reaches with prepared statements and a thread for each connection.
 *
 *   c-limit HOST PORT USER PASSWORD DATABASE TABLE TLS WORKLOAD CONNECTIONS KEYS SECONDS WARMUP
 *   c-limit rows
 *
 * TLS is tls=on or tls=off. WORKLOAD is get, get-missing, set, set-ttl, cas, list, or load, which inserts all rows, or
 * server, which prints the server's version. KEYS is how many keys a statement has. One line of JSON comes out:
 * operations (keys; of list: entries) and the seconds they took, p50, p90 and p99 of the statements' latencies in
 * microseconds, and microseconds of this process's CPU per operation.
 */
#include <errno.h>
#include <mysql.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { VALUE = 1024, KEY = 128, MAX_KEYS = 256, DOCUMENTS = 100000, EXPIRING = 10000, LISTED = 1000, SWAPPED = 64 };

static const char *host, *user, *password, *database, *table, *workload;
static int port, connections, keys, has_tls, is_warm_up;
static double seconds, warm_up;
static atomic_uint version;
static atomic_int is_over;

static void fail(const char *what, const char *why) {
    fprintf(stderr, "c-limit: %s: %s\n", what, why);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static double cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* The workload's rows */

static uint32_t next(uint32_t *state) {
    uint32_t s = *state;
    s ^= s << 13;
    s ^= s >> 17;
    s ^= s << 5;
    return *state = s;
}

static int document_key(char *key, const char *kind, uint32_t i) {
    return snprintf(key, KEY, "[\"_fedify\",\"%s\",\"1\",\"https://server%u.example/users/alice%u\"]", kind, i % 1000, i);
}

static int missing_key(char *key, uint32_t r) {
    return snprintf(
        key, KEY, "[\"_fedify\",\"remoteDocument\",\"1\",\"https://missing%u.example/users/nobody%u\"]", r % 1000, r);
}

static int listed_key(char *key, uint32_t j) {
    return snprintf(
        key, KEY, "[\"_fedify\",\"activityIdempotence\",\"inbox\",\"https://server%u.example/activities/%u\"]", j, j);
}

static int swapped_key(char *key, uint32_t w) {
    return snprintf(key, KEY, "[\"_fedify\",\"bench\",\"cas\",\"%u\"]", w);
}

static void document(char *value, uint32_t i, uint32_t v) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char u[64];
    snprintf(u, sizeof u, "https://server%u.example/users/alice%u", i % 1000, i);
    int length = snprintf(
        value, VALUE,
        "{\"@context\":[\"https://www.w3.org/ns/activitystreams\",\"https://w3id.org/security/v1\"],\"id\":\"%s\","
        "\"type\":\"Person\",\"preferredUsername\":\"alice%u\",\"name\":\"Alice %u\",\"inbox\":\"%s/inbox\","
        "\"outbox\":\"%s/outbox\",\"followers\":\"%s/followers\",\"following\":\"%s/following\","
        "\"published\":\"2026-01-01T00:00:00Z\",\"manuallyApprovesFollowers\":false,\"version\":%u,\"summary\":\"",
        u, i, i, u, u, u, u, v);
    uint32_t state = (uint32_t)(i + 1) * 2654435761u ^ v;
    if (state == 0) state = 1;
    while (length < VALUE - 2) value[length++] = letters[next(&state) >> 26];
    value[length++] = '"';
    value[length] = '}';
}

/* A thread and its connection */

typedef struct {
    int number;
    MYSQL *mysql;
    MYSQL_STMT *main, *lock, *update;
    uint64_t operations;
    uint32_t *latencies;
    size_t count, capacity;
    double ended;
    char key[MAX_KEYS][KEY], value[MAX_KEYS][VALUE], found_key[800], found[4096];
    unsigned long key_length[MAX_KEYS], value_length[MAX_KEYS], found_length[2];
    long long life;
    MYSQL_BIND parameters[3 * MAX_KEYS], columns[2];
} Worker;

static void check(Worker *worker, MYSQL_STMT *statement, int failed) {
    if (failed) fail(workload, statement ? mysql_stmt_error(statement) : mysql_error(worker->mysql));
}

static MYSQL_STMT *prepare(Worker *worker, const char *sql) {
    MYSQL_STMT *statement = mysql_stmt_init(worker->mysql);
    check(worker, statement, mysql_stmt_prepare(statement, sql, strlen(sql)));
    return statement;
}

static void bind_text(MYSQL_BIND *bind, char *text, unsigned long *length, unsigned long capacity) {
    memset(bind, 0, sizeof *bind);
    bind->buffer_type = MYSQL_TYPE_STRING;
    bind->buffer = text;
    bind->buffer_length = capacity;
    bind->length = length;
}

static MYSQL_STMT *prepare_select(Worker *worker) {
    char sql[4096];
    int length = snprintf(
        sql, sizeof sql, "SELECT `key`, `value` FROM %s WHERE (`expires` IS NULL OR `expires` > UTC_TIMESTAMP(6)) AND ",
        table);
    if (keys == 1) {
        snprintf(sql + length, sizeof sql - length, "`key` = ?");
    } else {
        length += snprintf(sql + length, sizeof sql - length, "`key` IN (?");
        for (int i = 1; i < keys; i++) length += snprintf(sql + length, sizeof sql - length, ",?");
        snprintf(sql + length, sizeof sql - length, ")");
    }
    MYSQL_STMT *statement = prepare(worker, sql);
    for (int i = 0; i < keys; i++) bind_text(&worker->parameters[i], worker->key[i], &worker->key_length[i], KEY);
    check(worker, statement, mysql_stmt_bind_param(statement, worker->parameters));
    bind_text(&worker->columns[0], worker->found_key, &worker->found_length[0], sizeof worker->found_key);
    bind_text(&worker->columns[1], worker->found, &worker->found_length[1], sizeof worker->found);
    check(worker, statement, mysql_stmt_bind_result(statement, worker->columns));
    return statement;
}

static MYSQL_STMT *prepare_upsert(Worker *worker, int has_life) {
    static const char row[] = "(?,?,UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND)";
    char sql[MAX_KEYS * sizeof row + 512];
    int length = snprintf(sql, sizeof sql, "INSERT INTO %s (`key`, `value`, `expires`) VALUES %s", table, row);
    for (int i = 1; i < keys; i++) length += snprintf(sql + length, sizeof sql - length, ",%s", row);
    snprintf(
        sql + length, sizeof sql - length,
        " ON DUPLICATE KEY UPDATE `value` = VALUES(`value`), `expires` = VALUES(`expires`)");
    MYSQL_STMT *statement = prepare(worker, sql);
    for (int i = 0; i < keys; i++) {
        MYSQL_BIND *bind = worker->parameters + 3 * i;
        worker->value_length[i] = VALUE;
        bind_text(bind, worker->key[i], &worker->key_length[i], KEY);
        bind_text(bind + 1, worker->value[i], &worker->value_length[i], VALUE);
        memset(bind + 2, 0, sizeof *bind);
        bind[2].buffer_type = has_life ? MYSQL_TYPE_LONGLONG : MYSQL_TYPE_NULL;
        bind[2].buffer = &worker->life;
    }
    check(worker, statement, mysql_stmt_bind_param(statement, worker->parameters));
    return statement;
}

static int fetch_all(MYSQL_STMT *statement) {
    int rows = 0, status;
    while ((status = mysql_stmt_fetch(statement)) == 0) rows++;
    if (status != MYSQL_NO_DATA) fail("fetch", mysql_stmt_error(statement));
    mysql_stmt_free_result(statement);
    return rows;
}

static void connect_to_server(Worker *worker) {
    worker->mysql = mysql_init(NULL);
    my_bool is_enforced = has_tls, is_verified = 0;
    mysql_options(worker->mysql, MYSQL_OPT_SSL_ENFORCE, &is_enforced);
    mysql_options(worker->mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &is_verified);
    unsigned tcp = MYSQL_PROTOCOL_TCP;
    mysql_options(worker->mysql, MYSQL_OPT_PROTOCOL, &tcp);
    mysql_options(worker->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (!mysql_real_connect(worker->mysql, host, user, password, database, port, NULL, CLIENT_FOUND_ROWS))
        fail("connect", mysql_error(worker->mysql));
}

static void set_up(Worker *worker) {
    connect_to_server(worker);
    worker->life = 86400000000LL;
    if (!strcmp(workload, "get") || !strcmp(workload, "get-missing")) {
        worker->main = prepare_select(worker);
    } else if (!strcmp(workload, "set")) {
        worker->main = prepare_upsert(worker, 0);
    } else if (!strcmp(workload, "set-ttl")) {
        worker->main = prepare_upsert(worker, 1);
    } else if (!strcmp(workload, "cas")) {
        char sql[256];
        snprintf(sql, sizeof sql, "SELECT `key`, `value` FROM %s WHERE `key` = ? FOR UPDATE", table);
        worker->lock = prepare(worker, sql);
        bind_text(&worker->parameters[1], worker->key[0], &worker->key_length[0], KEY);
        check(worker, worker->lock, mysql_stmt_bind_param(worker->lock, worker->parameters + 1));
        bind_text(&worker->columns[0], worker->found_key, &worker->found_length[0], sizeof worker->found_key);
        bind_text(&worker->columns[1], worker->found, &worker->found_length[1], sizeof worker->found);
        check(worker, worker->lock, mysql_stmt_bind_result(worker->lock, worker->columns));
        snprintf(sql, sizeof sql, "UPDATE %s SET `value` = ?, `expires` = NULL WHERE `key` = ?", table);
        worker->update = prepare(worker, sql);
        worker->value_length[0] = VALUE;
        bind_text(&worker->parameters[0], worker->value[0], &worker->value_length[0], VALUE);
        check(worker, worker->update, mysql_stmt_bind_param(worker->update, worker->parameters));
        worker->key_length[0] = swapped_key(worker->key[0], worker->number);
    } else if (!strcmp(workload, "list")) {
        char sql[256];
        snprintf(
            sql, sizeof sql,
            "SELECT `key`, `value` FROM %s WHERE `key` > ? AND `key` <= ? AND (`expires` IS NULL OR `expires` > "
            "UTC_TIMESTAMP(6)) ORDER BY `key`",
            table);
        worker->main = prepare(worker, sql);
        static const char prefix[] = "[\"_fedify\",\"activityIdempotence\",\"inbox\"";
        worker->key_length[0] = snprintf(worker->key[0], KEY, "%s,", prefix);
        worker->key_length[1] = snprintf(worker->key[1], KEY, "%s]", prefix);
        for (int i = 0; i < 2; i++) bind_text(&worker->parameters[i], worker->key[i], &worker->key_length[i], KEY);
        check(worker, worker->main, mysql_stmt_bind_param(worker->main, worker->parameters));
        bind_text(&worker->columns[0], worker->found_key, &worker->found_length[0], sizeof worker->found_key);
        bind_text(&worker->columns[1], worker->found, &worker->found_length[1], sizeof worker->found);
        check(worker, worker->main, mysql_stmt_bind_result(worker->main, worker->columns));
    } else {
        fail(workload, "no such workload");
    }
}

static void record(Worker *worker, double from, double to) {
    if (worker->count == worker->capacity) {
        worker->capacity = worker->capacity ? 2 * worker->capacity : 1 << 16;
        worker->latencies = realloc(worker->latencies, worker->capacity * sizeof *worker->latencies);
        if (!worker->latencies) fail("record", "out of memory");
    }
    worker->latencies[worker->count++] = (uint32_t)((to - from) * 1e6);
}

/* One statement; how many operations it was. */
static int step(Worker *worker, uint32_t *state, double *from) {
    if (worker->lock) {
        document(worker->value[0], worker->number, ++version);
        *from = now();
        check(worker, NULL, mysql_real_query(worker->mysql, "START TRANSACTION", 17));
        check(worker, worker->lock, mysql_stmt_execute(worker->lock));
        if (fetch_all(worker->lock) != 1) fail("cas", "the row isn't there");
        check(worker, worker->update, mysql_stmt_execute(worker->update));
        check(worker, NULL, mysql_real_query(worker->mysql, "COMMIT", 6));
        return 1;
    }
    if (!strcmp(workload, "list")) {
        *from = now();
        check(worker, worker->main, mysql_stmt_execute(worker->main));
        int rows = fetch_all(worker->main);
        if (rows != LISTED) fail("list", "the rows aren't there");
        return rows;
    }
    int is_set = workload[0] == 's', expires = !strcmp(workload, "set-ttl"), is_missing = !strcmp(workload, "get-missing");
    for (int k = 0; k < keys; k++) {
        uint32_t r = next(state);
        if (is_missing) {
            worker->key_length[k] = missing_key(worker->key[k], r);
        } else {
            uint32_t i = r % (expires ? EXPIRING : DOCUMENTS);
            worker->key_length[k] = document_key(worker->key[k], expires ? "ttlDocument" : "remoteDocument", i);
            if (is_set) document(worker->value[k], i, ++version);
        }
    }
    *from = now();
    for (;;) {
        if (!mysql_stmt_execute(worker->main)) break;
        /* Two multi-row upserts may meet in a deadlock. */
        if (is_set && mysql_stmt_errno(worker->main) == 1213) continue;
        fail(workload, mysql_stmt_error(worker->main));
    }
    if (is_set) return keys;
    int rows = fetch_all(worker->main);
    /* A key may stand twice in a statement. */
    if (is_missing ? rows != 0 : rows == 0 || (keys == 1 && rows != 1)) fail(workload, "rows are missing");
    return keys;
}

static void *run(void *argument) {
    Worker *worker = argument;
    /* The warm-up draws other keys than the measurement. */
    uint32_t number = worker->number + (is_warm_up ? 1 << 20 : 0);
    uint32_t seed = 0x9E3779B9u ^ (number + 1) * 2654435761u, state = seed ? seed : 1;
    while (!is_over) {
        double from;
        int operations = step(worker, &state, &from);
        worker->ended = now();
        worker->operations += operations;
        record(worker, from, worker->ended);
    }
    return NULL;
}

static void phase(Worker *workers, double length) {
    pthread_t threads[256];
    is_over = 0;
    for (int i = 0; i < connections; i++) {
        workers[i].operations = workers[i].count = 0;
        if (pthread_create(&threads[i], NULL, run, &workers[i])) fail("thread", strerror(errno));
    }
    struct timespec time = {(time_t)length, (long)((length - (time_t)length) * 1e9)};
    nanosleep(&time, NULL);
    is_over = 1;
    for (int i = 0; i < connections; i++) pthread_join(threads[i], NULL);
}

static int by_size(const void *left, const void *right) {
    uint32_t l = *(const uint32_t *)left, r = *(const uint32_t *)right;
    return (l > r) - (l < r);
}

static const int row_counts[] = {DOCUMENTS, EXPIRING, LISTED, SWAPPED};

static int row(int kind, uint32_t i, char *key, char *value) {
    document(value, i, 0);
    switch (kind) {
    case 0: return document_key(key, "remoteDocument", i);
    case 1: return document_key(key, "ttlDocument", i);
    case 2: return listed_key(key, i);
    default: return swapped_key(key, i);
    }
}

static void print_rows(void) {
    char key[KEY], value[VALUE];
    for (int kind = 0; kind < 4; kind++)
        for (int i = 0; i < row_counts[kind]; i++) {
            int length = row(kind, i, key, value);
            if (printf("%.*s\t%.*s\n", length, key, VALUE, value) < 0) fail("rows", strerror(errno));
        }
}

static void load(void) {
    static Worker worker;
    connect_to_server(&worker);
    worker.life = 86400000000LL;
    for (int kind = 0; kind < 4; kind++) {
        int loaded = 0;
        while (loaded < row_counts[kind]) {
            int batch = row_counts[kind] - loaded < 64 ? row_counts[kind] - loaded : 64;
            if (loaded == 0 || batch != keys) {
                keys = batch;
                worker.main = prepare_upsert(&worker, kind == 1);
            }
            for (int k = 0; k < batch; k++)
                worker.key_length[k] = row(kind, loaded + k, worker.key[k], worker.value[k]);
            check(&worker, worker.main, mysql_stmt_execute(worker.main));
            loaded += batch;
        }
    }
}

int main(int count, char **arguments) {
    if (count == 2 && !strcmp(arguments[1], "rows")) {
        print_rows();
        return 0;
    }
    if (count != 13)
        fail("usage", "HOST PORT USER PASSWORD DATABASE TABLE TLS WORKLOAD CONNECTIONS KEYS SECONDS WARMUP");
    host = arguments[1];
    port = atoi(arguments[2]);
    user = arguments[3];
    password = arguments[4];
    database = arguments[5];
    table = arguments[6];
    has_tls = !strcmp(arguments[7], "tls=on");
    workload = arguments[8];
    connections = atoi(arguments[9]);
    keys = atoi(arguments[10]);
    seconds = atof(arguments[11]);
    warm_up = atof(arguments[12]);
    if (connections < 1 || connections > 256 || keys < 1 || keys > MAX_KEYS) fail("usage", "too many or too few");
    if (mysql_library_init(0, NULL, NULL)) fail("libmariadb", "it can't be used");
    if (!strcmp(workload, "load")) {
        load();
        return 0;
    }
    if (!strcmp(workload, "server")) {
        static Worker worker;
        connect_to_server(&worker);
        puts(mysql_get_server_info(worker.mysql));
        return 0;
    }
    /* Anywhere, so that no value is the one that an earlier process wrote: such a write costs a server nothing. */
    struct timespec begun;
    clock_gettime(CLOCK_REALTIME, &begun);
    version = (uint32_t)begun.tv_nsec * 2654435761u ^ (uint32_t)getpid() << 16;
    Worker *workers = calloc(connections, sizeof *workers);
    if (!workers) fail("workers", "out of memory");
    for (int i = 0; i < connections; i++) {
        workers[i].number = i;
        set_up(&workers[i]);
    }
    is_warm_up = 1;
    if (warm_up > 0) phase(workers, warm_up);
    is_warm_up = 0;
    double from = now(), busy = cpu();
    phase(workers, seconds);
    busy = cpu() - busy;
    uint64_t operations = 0;
    size_t total = 0;
    double ended = from;
    for (int i = 0; i < connections; i++) {
        operations += workers[i].operations;
        total += workers[i].count;
        if (workers[i].ended > ended) ended = workers[i].ended;
    }
    uint32_t *all = malloc((total ? total : 1) * sizeof *all);
    if (!all || !total) fail("result", "nothing was measured");
    size_t used = 0;
    for (int i = 0; i < connections; i++) {
        memcpy(all + used, workers[i].latencies, workers[i].count * sizeof *all);
        used += workers[i].count;
    }
    qsort(all, total, sizeof *all, by_size);
    printf(
        "{\"operations\":%llu,\"seconds\":%.6f,\"p50\":%u,\"p90\":%u,\"p99\":%u,\"cpu\":%.3f}\n",
        (unsigned long long)operations, ended - from, all[total / 2], all[total * 9 / 10], all[total * 99 / 100],
        busy * 1e6 / operations);
    return 0;
}

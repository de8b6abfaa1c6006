#!/usr/bin/env bash
# Runs a command with throwaway servers:  with-servers.sh [mariadb] [mysql] -- COMMAND...
#
# Each server listens on 127.0.0.1 and on a Unix socket, lives in a temporary folder, and is gone when the command ends.
# The command finds in its environment:
#   MYSQL_URL                  the servers' addresses, separated by spaces, in the order asked for
#   FEDIFY_KV_TEST_CA          the certificate authority (PEM) that signed the servers' certificates
#   FEDIFY_KV_TEST_SOCKET_1..  their Unix sockets, in the same order
# If MYSQL_URL is set already, nothing is started and the command runs with that.
# With DURABLE=1 every commit reaches the disk, MySQL's binary log included; without, tests are faster.
# SERVER_OPTIONS is appended to the servers' options.
set -euo pipefail

scripts=$(cd "$(dirname "$0")" && pwd)

fail() {
    echo "with-servers.sh: $*" >&2
    exit 1
}

kinds=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case $1 in
    mariadb | mysql) kinds+=("$1") ;;
    *) fail "'$1' is not a kind of server; usage: with-servers.sh [mariadb] [mysql] -- COMMAND..." ;;
    esac
    shift
done
[ $# -ge 2 ] || fail "no command; usage: with-servers.sh [mariadb] [mysql] -- COMMAND..."
shift

if [ -n "${MYSQL_URL:-}" ]; then exec "$@"; fi
[ ${#kinds[@]} -gt 0 ] || fail "no server named and no MYSQL_URL; usage: with-servers.sh [mariadb] [mysql] -- COMMAND..."

"$scripts/install.sh" "${kinds[@]}"
# shellcheck source=Scripts/find-servers.sh
. "$scripts/find-servers.sh"

# Runs a program in a session of its own: Ctrl-C in the terminal reaches this script only, which then ends the program.
# (Bash makes its background processes ignore SIGINT; the command's own children may want it.)
# shellcheck disable=SC2016 # the variables are Perl's
in_own_session() {
    exec perl -MPOSIX=setsid -e '
        setsid();
        $SIG{INT} = $SIG{QUIT} = "DEFAULT";
        exec { $ARGV[0] } @ARGV or do { warn "$ARGV[0]: $!\n"; exit 127 };
    ' "$@"
}

# stop TARGET SECONDS: a process id, or the negative id of a process group.
stop() {
    local i
    kill -TERM -- "$1" 2>/dev/null || return 0
    # A test may have paused it.
    kill -CONT -- "$1" 2>/dev/null || true
    for ((i = 0; i < $2 * 20; i++)); do
        kill -0 -- "$1" 2>/dev/null || return 0
        sleep 0.05
    done
    kill -KILL -- "$1" 2>/dev/null || return 0
    while kill -0 -- "$1" 2>/dev/null; do sleep 0.05; done
}

clean_up() {
    trap '' INT TERM HUP
    local pid
    if [ -n "$command_pid" ]; then
        # Not a group yet if the signal came between fork and setsid.
        stop "$command_pid" 10
        stop "-$command_pid" 10
    fi
    # MariaDB can miss a SIGTERM while it starts.
    if [ -n "$starting_pid" ]; then kill -KILL "$starting_pid" 2>/dev/null || true; fi
    for pid in ${server_pids[@]+"${server_pids[@]}"}; do stop "$pid" 20; done
    rm -rf "$folder"
}

command_pid=
starting_pid=
server_pids=()
folder=$(mktemp -d "${TMPDIR:-/tmp}/fedify-kv.XXXXXX")
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# One authority for all servers, so that tests can check a server's identity.
make_certificates() {
    cat >"$folder/openssl.cnf" <<-END
		[req]
		distinguished_name = name
		[name]
		[ca]
		basicConstraints = critical, CA:true
		keyUsage = critical, keyCertSign, cRLSign
		subjectKeyIdentifier = hash
		[server]
		basicConstraints = CA:false
		extendedKeyUsage = serverAuth
		subjectAltName = IP:127.0.0.1, DNS:localhost
	END
    {
        openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 365 -subj "/CN=Fedify KV test authority" \
            -config "$folder/openssl.cnf" -extensions ca -keyout "$folder/ca-key.pem" -out "$folder/ca.pem"
        openssl req -newkey rsa:2048 -nodes -sha256 -subj "/CN=Fedify KV test server" \
            -config "$folder/openssl.cnf" -keyout "$folder/server-key.pem" -out "$folder/server.csr"
        openssl x509 -req -sha256 -days 365 -in "$folder/server.csr" -out "$folder/server.pem" \
            -CA "$folder/ca.pem" -CAkey "$folder/ca-key.pem" -CAcreateserial \
            -extfile "$folder/openssl.cnf" -extensions server
    } >"$folder/openssl.log" 2>&1 || {
        cat "$folder/openssl.log" >&2
        fail "openssl could not make the certificates."
    }
}

# Below the ports that systems hand out themselves.
free_port() {
    local port
    while port=$((20000 + RANDOM % 12000)); do
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}

give_up() {
    tail -n 20 "$log" >&2
    fail "$*"
}

# start KIND: makes a server, waits until it answers, and appends it to MYSQL_URL.
start() {
    local kind=$1 number=$((${#server_pids[@]} + 1)) started=$SECONDS
    local data=$folder/$kind-$number socket=$folder/$kind-$number.sock port password version pid
    local server client tzinfo options
    log=$folder/$kind-$number.log
    port=$(free_port)
    password=$(openssl rand -hex 16)
    options=(
        --no-defaults --user="$(id -un)" --datadir="$data" --socket="$socket" --port="$port" --bind-address=127.0.0.1
        --ssl-ca="$folder/ca.pem" --ssl-cert="$folder/server.pem" --ssl-key="$folder/server-key.pem"
        --innodb-buffer-pool-size=256M --max-connections=500
    )
    if [ "${DURABLE:-}" = 1 ]; then
        options+=(--innodb-flush-log-at-trx-commit=1)
        if [ "$kind" = mysql ]; then options+=(--sync-binlog=1); else options+=(--skip-log-bin); fi
    else
        options+=(--innodb-flush-log-at-trx-commit=2 --skip-log-bin)
    fi
    case $kind in
    mariadb)
        find_mariadb
        server=("$mariadbd") client=$mariadb_client tzinfo=("$mariadb_tzinfo")
        options+=(--plugin-load-add=auth_ed25519)
        # --force: it would give up on a machine whose own name can't be looked up.
        "$mariadb_install_db" --no-defaults --user="$(id -un)" --datadir="$data" --skip-test-db --force \
            --auth-root-authentication-method=normal >"$log" 2>&1 || give_up "mariadb-install-db failed."
        ;;
    mysql)
        find_mysql
        find_mysql_client
        server=("${mysqld[@]}") client=$mysql_client tzinfo=("${mysql_tzinfo[@]}")
        options+=(--mysqlx=OFF --secure-file-priv=NULL --innodb-redo-log-capacity=256M)
        "${server[@]}" --no-defaults --initialize-insecure --user="$(id -un)" --datadir="$data" >"$log" 2>&1 ||
            give_up "mysqld could not make its data folder."
        ;;
    esac

    # shellcheck disable=SC2086 # SERVER_OPTIONS is to be split
    in_own_session "${server[@]}" "${options[@]}" ${SERVER_OPTIONS:-} </dev/null >>"$log" 2>&1 &
    pid=$! starting_pid=$!
    server_pids+=("$pid")
    # Or bash reports it when a test kills it.
    disown "$pid"

    client=("$client" --no-defaults --user=root --skip-password --socket="$socket" --connect-timeout=5)
    until "${client[@]}" --execute="SELECT 1" >/dev/null 2>&1; do
        kill -0 "$pid" 2>/dev/null || give_up "$kind did not start."
        [ $((SECONDS - started)) -lt 120 ] || give_up "$kind did not answer within two minutes."
        sleep 0.1
    done
    starting_pid=
    # Zone files that the tool can't read are of no interest; a failure of the client is.
    "${tzinfo[@]}" /usr/share/zoneinfo 2>/dev/null | "${client[@]}" mysql 2>>"$log" ||
        give_up "$kind could not load the time zones."
    version=$("${client[@]}" --skip-column-names --batch --execute="SELECT VERSION()")
    "${client[@]}" 2>>"$log" <<-END || give_up "$kind could not be set up."
		CREATE DATABASE fedify;
		DROP USER IF EXISTS 'root'@'::1', 'root'@'$HOSTNAME';
		CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';
		GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
		ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY '$password', 'root'@'localhost' IDENTIFIED BY '$password';
	END

    MYSQL_URL="${MYSQL_URL:+$MYSQL_URL }mysql://root:$password@127.0.0.1:$port/fedify"
    export "FEDIFY_KV_TEST_SOCKET_$number=$socket"
    echo "$kind $version on 127.0.0.1:$port, ready in $((SECONDS - started)) s" >&2
}

make_certificates
export FEDIFY_KV_TEST_CA=$folder/ca.pem
export MYSQL_URL=
for kind in "${kinds[@]}"; do start "$kind"; done

in_own_session "$@" <&0 &
command_pid=$!
wait "$command_pid"

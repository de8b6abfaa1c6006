#!/usr/bin/env bash
# Runs a command with throwaway servers:  with-servers.sh [mariadb] [mysql] [galera] [group] -- COMMAND...
#
# galera is a cluster of three MariaDB servers, group is three MySQL servers in Group Replication with one primary.
# Each server listens on 127.0.0.1 and on a Unix socket, has a temporary folder, and is removed when the command ends.
# The command's environment:
#   MYSQL_URL                  the addresses, separated by spaces, in the order asked for; a cluster's names its servers
#   FEDIFY_KV_TEST_CA          the certificate authority (PEM) that signed the servers' certificates
#   FEDIFY_KV_TEST_NODES_1..   in the same order: the servers' folders, separated by spaces. `socket` there is the Unix
#                              socket; `pid` has the process id, and exists while the server runs; a line written to
#                              the pipe `again` starts a server again that has ended.
# If MYSQL_URL is set already, nothing is started and the command runs with that.
# With DURABLE=1 every commit reaches the disk, MySQL's binary log included; without, tests are faster.
# SERVER_OPTIONS is appended to the servers' options.
set -euo pipefail

scripts=$(cd "$(dirname "$0")" && pwd)

fail() {
    echo "with-servers.sh: $*" >&2
    exit 1
}

usage="with-servers.sh [mariadb] [mysql] [galera] [group] -- COMMAND..."
kinds=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case $1 in
    mariadb | mysql | galera | group) kinds+=("$1") ;;
    *) fail "'$1' is not a kind of server; usage: $usage" ;;
    esac
    shift
done
[ $# -ge 2 ] || fail "no command; usage: $usage"
shift

if [ -n "${MYSQL_URL:-}" ]; then exec "$@"; fi
[ ${#kinds[@]} -gt 0 ] || fail "no server named and no MYSQL_URL; usage: $usage"

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
        # `swift test` gives the tests a group of their own, and leaves them when it is ended.
        if command -v pkill >/dev/null; then pkill -KILL -s "$command_pid" || true; fi
    fi
    # Nothing of the servers is kept, so they need not shut down gracefully.
    for pid in ${supervisors[@]+"${supervisors[@]}"}; do stop "$pid" 10; done
    rm -rf "$folder"
}

command_pid=
supervisors=()
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
		[client]
		basicConstraints = CA:false
		extendedKeyUsage = clientAuth
		[elsewhere]
		basicConstraints = CA:false
		extendedKeyUsage = serverAuth
		subjectAltName = DNS:elsewhere.example
		[signer]
		database = $folder/signed.txt
		new_certs_dir = $folder
		serial = $folder/signed.serial
		certificate = $folder/ca.pem
		private_key = $folder/ca-key.pem
		default_md = sha256
		policy = policy
		[policy]
		commonName = supplied
	END
    : >"$folder/signed.txt"
    echo 01 >"$folder/signed.serial"
    {
        openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 365 -subj "/CN=Fedify KV test authority" \
            -config "$folder/openssl.cnf" -extensions ca -keyout "$folder/ca-key.pem" -out "$folder/ca.pem"
        openssl req -newkey rsa:2048 -nodes -sha256 -subj "/CN=Fedify KV test server" \
            -config "$folder/openssl.cnf" -keyout "$folder/server-key.pem" -out "$folder/server.csr"
        openssl x509 -req -sha256 -days 365 -in "$folder/server.csr" -out "$folder/server.pem" \
            -CA "$folder/ca.pem" -CAkey "$folder/ca-key.pem" -CAcreateserial \
            -extfile "$folder/openssl.cnf" -extensions server
        openssl req -newkey rsa:2048 -nodes -sha256 -subj "/CN=Fedify KV test client" \
            -config "$folder/openssl.cnf" -keyout "$folder/client-key.pem" -out "$folder/client.csr"
        openssl x509 -req -sha256 -days 365 -in "$folder/client.csr" -out "$folder/client.pem" \
            -CA "$folder/ca.pem" -CAkey "$folder/ca-key.pem" -CAcreateserial \
            -extfile "$folder/openssl.cnf" -extensions client
        # Certificates that a client must refuse: self-signed, another host's, expired. All with the server's key.
        openssl req -x509 -sha256 -days 365 -subj "/CN=127.0.0.1" -key "$folder/server-key.pem" \
            -config "$folder/openssl.cnf" -extensions server -out "$folder/self-signed.pem"
        openssl x509 -req -sha256 -days 365 -in "$folder/server.csr" -out "$folder/elsewhere.pem" \
            -CA "$folder/ca.pem" -CAkey "$folder/ca-key.pem" -CAcreateserial \
            -extfile "$folder/openssl.cnf" -extensions elsewhere
        openssl ca -batch -notext -config "$folder/openssl.cnf" -name signer -extensions server \
            -startdate 20200101000000Z -enddate 20210101000000Z -in "$folder/server.csr" -out "$folder/expired.pem"
    } >"$folder/openssl.log" 2>&1 || {
        cat "$folder/openssl.log" >&2
        fail "openssl could not make the certificates."
    }
}

# new_port VARIABLE: below the ports that systems hand out themselves. A server may take its own only later.
ports=" "
new_port() {
    local candidate
    while candidate=$((20000 + RANDOM % 12000)); do
        [[ $ports != *" $candidate "* ]] || continue
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; then break; fi
    done
    ports+="$candidate "
    printf -v "$1" %s "$candidate"
}

give_up() {
    tail -n 20 "$node/log" >&2
    fail "$*"
}

# new_node NAME: a folder for a server. Sets node, port, and options.
new_node() {
    node=$folder/$1
    mkdir "$node"
    mkfifo "$node/again"
    # Of its own: tests give a server another certificate.
    cp "$folder"/{ca,server,server-key}.pem "$node"
    new_port port
    options=(
        --no-defaults --datadir="$node/data" --socket="$node/socket" --port="$port" --bind-address=127.0.0.1
        --ssl-ca="$node/ca.pem" --ssl-cert="$node/server.pem" --ssl-key="$node/server-key.pem"
        --innodb-buffer-pool-size=256M --max-connections=500
    )
    if [ "${DURABLE:-}" = 1 ]; then
        options+=(--innodb-flush-log-at-trx-commit=1)
    else
        options+=(--innodb-flush-log-at-trx-commit=2)
    fi
    case $kind in
    mariadb | galera) options+=(--plugin-load-add=auth_ed25519) ;;
    mysql | group) options+=(--mysqlx=OFF --secure-file-priv=NULL --innodb-redo-log-capacity=256M) ;;
    esac
}

# launch FIRST LATER COMMAND...: runs a server until it ends, and again whenever it is asked to. FIRST and LATER print
# additional arguments, for the first start and later ones.
launch() {
    local more=$1 later=$2
    shift 2
    (
        child=
        trap 'kill -KILL $child 2>/dev/null; wait $child; exit' TERM
        # XFSZ: a limit that a test sets on the size of files is a full disk to the server, not its end.
        trap '' INT HUP XFSZ
        while :; do
            # shellcheck disable=SC2046,SC2086 # both are to be split
            in_own_session "$@" $("$more") ${SERVER_OPTIONS:-} </dev/null >>"$node/log" 2>&1 &
            child=$!
            echo $child >"$node/pid.new"
            mv "$node/pid.new" "$node/pid"
            touch "$node/started"
            wait $child || true
            rm "$node/pid"
            more=$later
            # In the background, as bash heeds no signal while a pipe is being opened.
            read -r _ <"$node/again" &
            child=$!
            wait $child || true
        done
    ) 2>/dev/null &
    supervisors+=("$!")
    # Or bash reports it in the end.
    disown $!
    until [ -e "$node/started" ]; do sleep 0.02; done
}

# client OPTION...: as root, over the node's socket.
client() {
    MYSQL_PWD=$root_password "$client_program" --no-defaults --user=root --socket="$node/socket" --connect-timeout=5 \
        --skip-column-names --batch "$@"
}

# await WHAT STATEMENT ANSWER: until the node answers so.
await() {
    local begun=$SECONDS
    until [ "$(client --execute="$2" 2>/dev/null)" = "$3" ]; do
        [ -e "$node/pid" ] || give_up "$1 failed."
        [ $((SECONDS - begun)) -lt 120 ] || give_up "$1 took more than two minutes."
        sleep 0.1
    done
}

# end: ends the node's server in good order.
end() {
    kill -TERM "$(cat "$node/pid")"
    while [ -e "$node/pid" ]; do sleep 0.05; done
}

# initialize: creates the node's data.
initialize() {
    case $kind in
    mariadb | galera)
        # --force: it would give up on a machine whose own name can't be looked up.
        "$mariadb_install_db" --no-defaults --user="$(id -un)" --datadir="$node/data" --skip-test-db --force \
            --auth-root-authentication-method=normal >"$node/log" 2>&1 || give_up "mariadb-install-db failed."
        ;;
    mysql | group)
        "${mysqld[@]}" --no-defaults --initialize-insecure --user="$(id -un)" --datadir="$node/data" \
            >"$node/log" 2>&1 || give_up "mysqld could not make its data folder."
        ;;
    esac
}

# set_up: time zones, the database, and root's password, on a node that runs.
set_up() {
    local tzinfo
    case $kind in
    mariadb | galera) tzinfo=("$mariadb_tzinfo") ;;
    mysql | group) tzinfo=("${mysql_tzinfo[@]}") ;;
    esac
    # Zone files that the tool can't read are of no interest; a failure of the client is.
    "${tzinfo[@]}" /usr/share/zoneinfo 2>/dev/null | client mysql 2>>"$node/log" ||
        give_up "$kind could not load the time zones."
    client 2>>"$node/log" <<-END || give_up "$kind could not be set up."
		CREATE DATABASE fedify;
		DROP USER IF EXISTS 'root'@'::1', 'root'@'$HOSTNAME';
		CREATE USER IF NOT EXISTS 'root'@'127.0.0.1';
		GRANT ALL ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;
		ALTER USER 'root'@'127.0.0.1' IDENTIFIED BY '$password', 'root'@'localhost' IDENTIFIED BY '$password';
	END
    root_password=$password
}

nothing() { :; }

start_mariadb() {
    new_node "$name"
    initialize
    launch nothing nothing "$mariadbd" "${options[@]}" --user="$(id -un)" --skip-log-bin
    await "the start of MariaDB" "SELECT 1" 1
    set_up
}

start_mysql() {
    local binary_log=--skip-log-bin
    if [ "${DURABLE:-}" = 1 ]; then binary_log=--sync-binlog=1; fi
    new_node "$name"
    initialize
    launch nothing nothing "${mysqld[@]}" "${options[@]}" --user="$(id -un)" $binary_log
    await "the start of MySQL" "SELECT 1" 1
    set_up
}

# As root, Galera could not copy data from node to node.
galera_user() { if [ "$(id -u)" -eq 0 ]; then echo mysql; else id -un; fi; }

# galera_options ADDRESS NUMBER: for the node.
galera_options() {
    local group_port transfer_port state_port
    group_port=${group_ports[$2]}
    new_port transfer_port
    new_port state_port
    options+=(
        --user="$(galera_user)" --tmpdir="$node" --binlog-format=ROW --innodb-autoinc-lock-mode=2 --wsrep-on=ON
        --wsrep-provider="$galera_provider" --wsrep-cluster-name=fedify --wsrep-cluster-address="$1"
        --wsrep-node-name="node-$2" --wsrep-node-address="127.0.0.1:$group_port"
        --wsrep-node-incoming-address="127.0.0.1:$port" --wsrep-sst-method=rsync
        --wsrep-sst-receive-address="127.0.0.1:$state_port" --wsrep-slave-threads=2
        --wsrep-provider-options="gmcast.listen_addr=tcp://127.0.0.1:$group_port;ist.recv_addr=127.0.0.1:$transfer_port;gcache.size=64M"
    )
    if [ "$(id -u)" -eq 0 ]; then
        chmod go+x "$folder"
        chown -R "$(galera_user)" "$node"
    fi
}

first_of_cluster() { echo --wsrep-new-cluster; }

# After a crash: where this node was, so that it is sent what it lacks and not everything.
galera_position() {
    local recovered
    "$mariadbd" "${options[@]}" --wsrep-cluster-address=gcomm:// --wsrep-recover --skip-networking \
        --socket="$node/recover" --log-error="$node/recover.log" >/dev/null 2>&1 || true
    recovered=$(sed -n 's/.*Recovered position: *//p' "$node/recover.log" | tail -n 1)
    rm -f "$node/recover.log"
    if [ -n "$recovered" ]; then echo "--wsrep-start-position=$recovered"; fi
}

# Three nodes, from copies of one's data.
start_galera() {
    local number address=gcomm:// group_ports=('') seed
    for number in 1 2 3; do
        new_port "group_ports[$number]"
        address+="127.0.0.1:${group_ports[number]},"
    done
    new_port "group_ports[0]"
    new_node "$name-seed"
    seed=$node
    initialize
    galera_options gcomm:// 0
    launch first_of_cluster nothing "$mariadbd" "${options[@]}"
    await "the start of MariaDB with Galera" "SHOW STATUS LIKE 'wsrep_ready'" $'wsrep_ready\tON'
    set_up
    end
    sed -i.old 's/safe_to_bootstrap: 0/safe_to_bootstrap: 1/' "$seed/data/grastate.dat"
    hosts='' nodes=''
    for number in 1 2 3; do
        new_node "$name-$number"
        cp -a "$seed/data" "$node/data"
        rm -f "$node"/data/{gvwstate.dat,galera.cache}
        galera_options "${address%,}" $number
        if [ $number = 1 ]; then
            launch first_of_cluster galera_position "$mariadbd" "${options[@]}"
        else
            launch nothing galera_position "$mariadbd" "${options[@]}"
        fi
        await "the start of a Galera node" "SHOW STATUS LIKE 'wsrep_local_state_comment'" \
            $'wsrep_local_state_comment\tSynced'
        hosts+=,127.0.0.1:$port nodes+=" $node"
    done
}

rejoin_group() { echo --loose-group-replication-start-on-boot=ON; }

# Three servers, from copies of one's data, in Group Replication with one primary.
start_group() {
    local number group_ports=() seeds='' seed recovery_password
    recovery_password=$(openssl rand -hex 16)
    for number in 0 1 2; do
        new_port "group_ports[$number]"
        seeds+=,127.0.0.1:${group_ports[number]}
    done
    new_node "$name-seed"
    seed=$node
    initialize
    launch nothing nothing "${mysqld[@]}" "${options[@]}" --user="$(id -un)" --skip-log-bin
    await "the start of MySQL" "SELECT 1" 1
    client 2>>"$node/log" <<-END || give_up "$kind could not be set up."
		CREATE USER 'recovery'@'127.0.0.1' IDENTIFIED BY '$recovery_password';
		GRANT REPLICATION SLAVE, CONNECTION_ADMIN, BACKUP_ADMIN, GROUP_REPLICATION_STREAM ON *.* TO 'recovery'@'127.0.0.1';
	END
    set_up
    end
    hosts='' nodes=''
    for number in 0 1 2; do
        new_node "$name-$((number + 1))"
        cp -a "$seed/data" "$node/data"
        rm "$node/data/auto.cnf"
        launch nothing rejoin_group "${mysqld[@]}" "${options[@]}" --user="$(id -un)" \
            --server-id=$((number + 1)) --gtid-mode=ON --enforce-gtid-consistency=ON --log-bin="$node/data/binlog" \
            --sync-binlog=0 --report-host=127.0.0.1 --report-port="$port" --plugin-load-add=group_replication.so \
            --loose-group-replication-group-name=5f0c2d5e-8c0a-4f0e-9a4e-2d6b5a1c7e3f \
            --loose-group-replication-start-on-boot=OFF \
            --loose-group-replication-local-address="127.0.0.1:${group_ports[number]}" \
            --loose-group-replication-group-seeds="${seeds#,}" \
            --loose-group-replication-recovery-get-public-key=ON \
            --loose-group-replication-member-expel-timeout=0 \
            --loose-group-replication-message-cache-size=134217728
        await "the start of MySQL" "SELECT 1" 1
        client 2>>"$node/log" <<-END || give_up "$kind could not be set up."
			CHANGE REPLICATION SOURCE TO SOURCE_USER = 'recovery', SOURCE_PASSWORD = '$recovery_password'
			FOR CHANNEL 'group_replication_recovery';
			SET GLOBAL group_replication_bootstrap_group = $((number == 0));
			START GROUP_REPLICATION;
			SET GLOBAL group_replication_bootstrap_group = OFF;
		END
        await "joining the group" \
            "SELECT member_state FROM performance_schema.replication_group_members WHERE member_port = $port" ONLINE
        hosts+=,127.0.0.1:$port nodes+=" $node"
    done
}

# start KIND: starts a server or cluster, waits until it answers, and appends it to MYSQL_URL.
start() {
    local kind=$1 begun=$SECONDS node port options client_program hosts='' nodes='' password root_password='' version
    number=$((number + 1))
    local name=$kind-$number
    password=$(openssl rand -hex 16)
    case $kind in
    mariadb | galera)
        find_mariadb
        client_program=$mariadb_client
        ;;
    mysql | group)
        find_mysql
        find_mysql_client
        client_program=$mysql_client
        ;;
    esac
    if [ "$kind" = galera ]; then find_galera; fi
    "start_$kind"
    : "${hosts:=127.0.0.1:$port}" "${nodes:=$node}"
    version=$(client --execute="SELECT VERSION()")
    MYSQL_URL="${MYSQL_URL:+$MYSQL_URL }mysql://root:$password@${hosts#,}/fedify"
    export "FEDIFY_KV_TEST_NODES_$number=${nodes# }"
    echo "$kind $version on ${hosts#,}, ready in $((SECONDS - begun)) s" >&2
}

make_certificates
export FEDIFY_KV_TEST_CA=$folder/ca.pem
export MYSQL_URL=
number=0
for kind in "${kinds[@]}"; do start "$kind"; done

in_own_session "$@" <&0 &
command_pid=$!
wait "$command_pid"

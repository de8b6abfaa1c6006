# shellcheck shell=bash disable=SC2034
# Sourced by install.sh and with-servers.sh, so that both mean the same programs.

# Debian keeps the servers where an ordinary user's PATH does not look.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

mysql_root=${XDG_CACHE_HOME:-$HOME/.cache}/fedify-kv/mysql-root

# Homebrew's mariadb and mysql exclude each other on PATH, not in their own folders.
brew_bin() {
    command -v brew >/dev/null && [ -d "$(brew --prefix)/opt/$1/bin" ] && echo "$(brew --prefix)/opt/$1/bin"
}

# Sets mariadbd, mariadb_install_db, mariadb_tzinfo and mariadb_client; fails if there is no MariaDB.
find_mariadb() {
    local path=$PATH bin
    if bin=$(brew_bin mariadb); then path=$bin:$path; fi
    mariadbd=$(PATH=$path command -v mariadbd) &&
        mariadb_install_db=$(PATH=$path command -v mariadb-install-db) &&
        mariadb_tzinfo=$(PATH=$path command -v mariadb-tzinfo-to-sql) &&
        mariadb_client=$(PATH=$path command -v mariadb)
}

# Sets mysql_client to a client that can talk to MySQL: its own or MariaDB's.
find_mysql_client() {
    local path=$PATH bin
    if bin=$(brew_bin mysql); then path=$bin:$path; fi
    mysql_client=$(PATH=$path command -v mysql || PATH=$path command -v mariadb)
}

# Sets the arrays mysqld and mysql_tzinfo, a command line each; fails if there is no MySQL.
find_mysql() {
    local path=$PATH bin loader libraries
    if bin=$(brew_bin mysql); then path=$bin:$path; fi
    if mysqld=("$(PATH=$path command -v mysqld)") && ! "${mysqld[0]}" --version | grep -q MariaDB; then
        mysql_tzinfo=("$(PATH=$path command -v mysql_tzinfo_to_sql)")
    elif [ -x "$mysql_root/usr/sbin/mysqld" ]; then
        # Its own loader and libraries: that needs neither root nor chroot.
        libraries=$(echo "$mysql_root"/usr/lib/*-linux-gnu)
        loader=$(echo "$libraries"/ld-linux-*.so.*)
        mysqld=("$loader" --library-path "$libraries:$mysql_root/usr/lib/mysql/private" "$mysql_root/usr/sbin/mysqld")
        mysql_tzinfo=("${mysqld[@]:0:3}" "$mysql_root/usr/bin/mysql_tzinfo_to_sql")
    else
        return 1
    fi
}

# Sets galera_provider, the library that makes MariaDB a Galera node; fails if it isn't found.
find_galera() {
    for galera_provider in /usr/lib/galera/libgalera_smm.so /usr/lib*/galera-4/libgalera_smm.so; do
        if [ -e "$galera_provider" ]; then return; fi
    done
    return 1
}

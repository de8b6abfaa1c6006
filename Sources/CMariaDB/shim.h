#pragma once
#include <mysql.h>
#include <errmsg.h>
#include <mysql/plugin_auth.h>
#include <poll.h>

/* Part of Connector/C's plugin interface: mysql/client_plugin.h, which Debian's package can't compile for want of a
   header it includes. */
struct st_mysql_client_plugin_AUTHENTICATION {
  MYSQL_CLIENT_PLUGIN_HEADER
  int (*authenticate_user)(MYSQL_PLUGIN_VIO *vio, struct st_mysql *mysql);
};

enum {
  MYSQL_CLIENT_AUTHENTICATION_PLUGIN = 2,
  MYSQL_CLIENT_AUTHENTICATION_PLUGIN_INTERFACE_VERSION = 0x0100
};

/* ma_pvio.h */
int ma_pvio_register_callback(my_bool register_callback,
                              void (*callback_function)(int mode, MYSQL *mysql, const unsigned char *buffer,
                                                        size_t length));

/* The beginning of MARIADB_PVIO (ma_pvio.h, which needs headers that Debian's package lacks): what was read from the
   socket and not yet taken. */
struct fedify_kv_read_ahead {
  void *data;
  const unsigned char *cache;
  const unsigned char *cache_pos;
  size_t cache_size;
};

/* What we keep of a connection, for callbacks that get no more than its handle. (Connector/C: MARIADB_OPT_USERDATA.) */
static inline int fedify_kv_set_context(MYSQL *mysql, void *context) {
  return mysql_optionsv(mysql, MARIADB_OPT_USERDATA, (void *)"fedify-kv", context);
}

static inline void *fedify_kv_context(MYSQL *mysql) {
  void *context = 0;
  mysql_get_optionv(mysql, MARIADB_OPT_USERDATA, (void *)"fedify-kv", &context);
  return context;
}

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

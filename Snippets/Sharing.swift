// A table that a TypeScript program on Fedify uses too.

import FedifyKv
import FedifyMySQL

// snippet.use
var configuration = try MySQLConfiguration(url: "mysql://user:password@localhost/database")
var options = MySQLKvStoreOptions()
options.tableName = "fedify_kv"

// Where the server's time zone isn't UTC: both programs' sessions must have the same.
configuration.sessionSetup = ["SET time_zone = '+02:00'"]
options.expiryClock = .sessionTimeZone

let kv = try MySQLKvStore(MySQLPool(configuration), options: options)
// snippet.end

print(try await kv.count())

// Stores in memory and on a server, and their options.

import FedifyKv
import FedifyMySQL

struct Profile: Codable, Sendable {
    var name: String
}

func inMemory() async throws {
    // snippet.memory
    let kv: any KvStore = MemoryKvStore()
    try await kv.set(["users", "alice"], Profile(name: "Alice"), ttl: .seconds(3600))
    // snippet.end
}

func onServer(url: String) async throws {
    // snippet.server
    let pool = try MySQLPool(url: url)  // mysql://user:password@localhost/database
    let kv = MySQLKvStore(pool)

    try await kv.set(["users", "alice"], Profile(name: "Alice"), ttl: .seconds(3600))
    let alice = try await kv.get(["users", "alice"], as: Profile.self)
    print(alice?.name ?? "nobody")

    await pool.close()
    // snippet.end
}

func smallBatches() -> MySQLKvStoreOptions {
    // snippet.coalescing
    var options = MySQLKvStoreOptions()
    // At most 64 operations in a statement; the default is 128.
    options.coalescing.maximumRows = 64
    // At most four connections for each kind of operation; by default all.
    options.coalescing.maximumConnections = 4
    // Or each operation in a statement of its own.
    options.coalescing.isEnabled = false
    // snippet.end
    return options
}

let password = ""

// snippet.connection
var configuration = MySQLConfiguration(
    address: .tcp(host: "db.example"), user: "app", password: .init(password), database: "app")
configuration.tls.mode = .verifyIdentity
configuration.pool.maximumConnections = 20
let pool = try MySQLPool(configuration)
// snippet.end

// snippet.table
var options = MySQLKvStoreOptions()
options.tableName = "my_cache"
let kv = try MySQLKvStore(pool, options: options)
// snippet.end

try await inMemory()
try await onServer(url: "mysql://user:password@localhost/database")
print(try await kv.count(), smallBatches())

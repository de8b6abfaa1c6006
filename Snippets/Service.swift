// Pool and store as parts of a service.

// snippet.imports
import Configuration
import FedifyKv
import FedifyMySQL
import Logging
import ServiceLifecycle

// snippet.use
let logger = Logger(label: "app")
let reader = ConfigReader(provider: EnvironmentVariablesProvider())

// MYSQL_URL, or MYSQL_HOSTS, MYSQL_USER, MYSQL_PASSWORD, MYSQL_DATABASE and others.
var configuration = try MySQLConfiguration(config: reader.scoped(to: "mysql"))
configuration.observability.logger = logger
let pool = try MySQLPool(configuration)
let kv = try MySQLKvStore(pool, options: MySQLKvStoreOptions(config: reader.scoped(to: "fedify.kv")))

// Shut down in the opposite order: the store finishes what is under way before the pool closes.
let group = ServiceGroup(
    services: [pool, kv], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
try await group.run()
// snippet.end

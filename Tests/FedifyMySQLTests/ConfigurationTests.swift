import Configuration
import FedifyKv
import FedifyMySQL
import Foundation
import NIOConcurrencyHelpers
import MySQLClient
import Testing

/// Set-up from a `ConfigReader`.
@Suite struct ConfigurationTests {
    /// The keys that are read are those in the tables of the article.
    @Test func theArticleNamesEveryKey() throws {
        let asked = AskedKeys()
        let values: [AbsoluteConfigKey: ConfigValue] = ["url": "mysql://u@h/d", "password": "p"]
        let reader = ConfigReader(provider: InMemoryProvider(values: values), accessReporter: asked)
        _ = try MySQLConfiguration(config: reader)
        let connection = asked.takeAll()
        _ = try MySQLKvStoreOptions(config: reader)
        let store = asked.takeAll()
        #expect(connection == (try DocumentedTable(below: "Keys of the connection")).firstColumns)
        #expect(store == (try DocumentedTable(below: "Keys of the store")).firstColumns)
        #expect(connection["password"] == "text, secret")
    }

    @Test func everySettingArrives() throws {
        let reader = ConfigReader(
            provider: EnvironmentVariablesProvider(environmentVariables: [
                "MYSQL_HOSTS": "a:3307,[::1]", "MYSQL_USER": "u", "MYSQL_PASSWORD": "p,w", "MYSQL_DATABASE": "d",
                "MYSQL_TLS_MODE": "require", "MYSQL_ALLOW_PUBLIC_KEY_RETRIEVAL": "true",
                "MYSQL_CONNECT_TIMEOUT": "1.5", "MYSQL_OPERATION_TIMEOUT": "3", "MYSQL_MAXIMUM_PACKET_SIZE": "1000000",
                "MYSQL_MAXIMUM_PREPARED_STATEMENTS": "32", "MYSQL_LOCK_WAIT_TIMEOUT": "2",
                "MYSQL_SESSION_SETUP": "SET SESSION wsrep_sync_wait = 1", "MYSQL_POOL_MAXIMUM_CONNECTIONS": "7",
                "MYSQL_POOL_ACQUISITION_TIMEOUT": "0.5", "MYSQL_POOL_MAXIMUM_QUEUED_OPERATIONS": "9",
                "MYSQL_POOL_IDLE_TIMEOUT": "11", "MYSQL_POOL_MAXIMUM_LIFETIME": "12",
                "FEDIFY_KV_TABLE_NAME": "t", "FEDIFY_KV_EXPIRY_CLOCK": "sessionTimeZone",
                "FEDIFY_KV_UPKEEP_IS_AUTOMATIC": "false", "FEDIFY_KV_UPKEEP_INTERVAL": "5",
                "FEDIFY_KV_UPKEEP_BATCH_SIZE": "6", "FEDIFY_KV_COALESCING_IS_ENABLED": "false",
                "FEDIFY_KV_COALESCING_MAXIMUM_ROWS": "8", "FEDIFY_KV_COALESCING_MAXIMUM_CONNECTIONS": "3",
            ]))
        let found = try MySQLConfiguration(config: reader.scoped(to: "mysql"))
        #expect(found.addresses == [.tcp(host: "a", port: 3307), .tcp(host: "::1")])
        #expect(found.user == "u")
        #expect(found.password.text == "p,w")
        #expect(found.database == "d")
        #expect(found.tls.mode == .require)
        #expect(found.allowPublicKeyRetrieval)
        #expect(found.connectTimeout == .milliseconds(1500))
        #expect(found.operationTimeout == .seconds(3))
        #expect(found.maximumPacketSize == 1_000_000)
        #expect(found.maximumPreparedStatements == 32)
        #expect(found.lockWaitTimeout == .seconds(2))
        #expect(found.sessionSetup == ["SET SESSION wsrep_sync_wait = 1"])
        #expect(found.pool.maximumConnections == 7)
        #expect(found.pool.acquisitionTimeout == .milliseconds(500))
        #expect(found.pool.maximumQueuedOperations == 9)
        #expect(found.pool.idleTimeout == .seconds(11))
        #expect(found.pool.maximumLifetime == .seconds(12))
        let options = try MySQLKvStoreOptions(config: reader.scoped(to: "fedify.kv"))
        #expect(options.tableName == "t")
        #expect(options.expiryClock == .sessionTimeZone)
        #expect(!options.upkeep.isAutomatic)
        #expect(options.upkeep.interval == .seconds(5))
        #expect(options.upkeep.batchSize == 6)
        #expect(!options.coalescing.isEnabled)
        #expect(options.coalescing.maximumRows == 8)
        #expect(options.coalescing.maximumConnections == 3)
    }

    /// From a file, numbers are numbers.
    @Test func aFileIsReadToo() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).json")
        defer { try? FileManager.default.removeItem(at: file) }
        let text =
            #"{"mysql":{"url":"mysql://u:p@h/d?deadline=4","database":"e","pool":{"maximumConnections":3,"idleTimeout":7}}}"#
        try Data(text.utf8).write(to: file)
        let path = InMemoryProvider(values: ["filePath": .init(stringLiteral: file.path())])
        let provider = try await FileProvider<JSONSnapshot>(config: ConfigReader(provider: path))
        let found = try MySQLConfiguration(config: ConfigReader(provider: provider).scoped(to: "mysql"))
        #expect(found.addresses == [.tcp(host: "h")])
        #expect(found.database == "e")
        #expect(found.operationTimeout == .seconds(4))
        #expect(found.pool.maximumConnections == 3)
        #expect(found.pool.idleTimeout == .seconds(7))
    }

    @Test(arguments: [
        (["MYSQL_USER": "u"], "either url, or hosts (or socket), user and database"),
        (
            ["MYSQL_URL": "mysql://u:hunter2@h/d", "MYSQL_OPERATION_TIMEOUT": "hunter2"],
            "operationTimeout must be a number of seconds"
        ),
        (
            ["MYSQL_URL": "mysql://u:hunter2@h/d", "MYSQL_OPERATION_TIMEOUT": "-1"],
            "operationTimeout must be a number of seconds, from 0"
        ),
        (
            ["MYSQL_URL": "mysql://u:hunter2@h/d", "MYSQL_POOL_MAXIMUM_CONNECTIONS": "1.5"],
            "maximumConnections must be a whole"
        ),
        (
            ["MYSQL_URL": "mysql://u:hunter2@h/d", "MYSQL_TLS_MODE": "yes"],
            "tls.mode must be one of off, prefer, require"
        ),
        (["MYSQL_URL": "mysql://u:hunter2@h/d", "MYSQL_HOSTS": "a:b"], "hosts is wrong: the port must be a number"),
        (
            ["MYSQL_URL": "mysql://u:hunter2@h/d", "MYSQL_HOSTS": "a", "MYSQL_SOCKET": "/s"],
            "hosts and socket exclude each other"
        ),
        (["MYSQL_URL": "mysql:hunter2@h/d"], "the database URL is wrong"),
    ])
    func whatIsWrongIsNamed(_ variables: [String: String], _ reason: String) {
        let reader = ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: variables))
        do throws(MySQLError) {
            _ = try MySQLConfiguration(config: reader.scoped(to: "mysql"))
            Issue.record("no error")
        } catch {
            #expect(error.code == .invalidConfiguration)
            #expect(error.message.contains(reason), "\(error)")
            #expect(!"\(error)".contains("hunter2"))
        }
    }

    @Test(arguments: [
        (["FEDIFY_KV_TABLE_NAME": "a`b"], "a table name begins with"),
        (["FEDIFY_KV_EXPIRY_CLOCK": "local"], "expiryClock must be utc or sessionTimeZone"),
        (["FEDIFY_KV_UPKEEP_BATCH_SIZE": "many"], "upkeep.batchSize must be a whole number"),
        (["FEDIFY_KV_COALESCING_IS_ENABLED": "2"], "coalescing.isEnabled must be true or false"),
    ])
    func whatIsWrongWithTheStoreIsNamed(_ variables: [String: String], _ reason: String) {
        let reader = ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: variables))
        do throws(KvError) {
            _ = try MySQLKvStoreOptions(config: reader.scoped(to: "fedify.kv"))
            Issue.record("no error")
        } catch {
            #expect(error.code == .invalidConfiguration)
            #expect(error.message.contains(reason), "\(error)")
        }
    }
}

/// Notes which keys are asked for, as what, and whether as a secret.
private final class AskedKeys: AccessReporter {
    private let keys = NIOLockedValueBox<[String: String]>([:])

    func takeAll() -> [String: String] {
        keys.withLockedValue { keys in
            defer { keys = [:] }
            return keys
        }
    }

    func report(_ event: AccessEvent) {
        let key = event.metadata.key.components.joined(separator: ".")
        let type =
            switch event.metadata.valueType {
            case .string: "text"
            case .int: "number"
            case .double: "seconds"
            case .bool: "true or false"
            case .stringArray: "list"
            default: "\(event.metadata.valueType)"
            }
        let secrets = event.providerResults.contains { (try? $0.result.get())?.value?.isSecret == true }
        // The first requests: further ones only check for a value of another type.
        keys.withLockedValue { keys in
            if keys[key] == nil { keys[key] = type + (secrets ? ", secret" : "") }
        }
    }
}

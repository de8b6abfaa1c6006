import FedifyKv
import FedifyKvTesting
import FedifyMySQL
import Testing

/// The contract that every store keeps, on every server.
@Suite struct ContractTests {
    @Test(arguments: try await TestServer.all, [1, 10])
    func mysqlKvStoreKeepsTheContract(_ server: TestServer, _ poolSize: Int) async throws {
        try await server.withStore(poolSize: poolSize) { kv, _ in
            try await KvStoreContract(of: kv, maximumKeyLength: MySQLKvStore.maximumKeyLength).check()
        }
    }

    /// Sessions with settings of the server's operator.
    @Test(
        arguments: try await TestServer.all,
        [
            "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'", "SET SESSION sql_mode = ''",
            "SET SESSION time_zone = '-11:00'", "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED",
            "SET NAMES latin1",
        ])
    func theContractHoldsInEverySession(_ server: TestServer, _ setup: String) async throws {
        try await server.withStore(poolSize: 4, session: [setup]) { kv, _ in
            try await KvStoreContract(of: kv, maximumKeyLength: MySQLKvStore.maximumKeyLength).check()
        }
    }
}

// swift-tools-version: 6.2
import PackageDescription

// CI sets this: a warning in our own targets, tests included, is an error there. Users of the package are not held up.
let isStrict = Context.environment["FEDIFY_KV_STRICT"] == "1"

let swiftSettings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
    ] + (isStrict ? [.treatAllWarnings(as: .error)] : [])

// Scripts/fuzz.sh sets this: the fuzzer links only with the compiler's options that it gives.
let fuzzer: [Target] =
    Context.environment["FEDIFY_KV_FUZZ"] == "1"
    ? [
        .executableTarget(
            name: "fuzz", dependencies: ["FuzzChecks", "Locking"], path: "Tests/Fuzz", swiftSettings: swiftSettings)
    ] : []

let package = Package(
    name: "fedify-kv-swift",
    // Synchronization.Atomic needs macOS 15.
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "FedifyKv", targets: ["FedifyKv"]),
        .library(name: "FedifyKvTesting", targets: ["FedifyKvTesting"]),
        .library(name: "FedifyMySQL", targets: ["FedifyMySQL"]),
        .library(name: "FedifyKvBench", targets: ["FedifyKvBench"]),
        .library(name: "MySQLClient", targets: ["MySQLClient"]),
        .executable(name: "fedify-kv", targets: ["fedify-kv"]),
    ],
    dependencies: [
        // The command line of `fedify-kv`.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        // Deque: lines of waiting work.
        .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
        // Latency percentiles of `fedify-kv bench`.
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        // The logger that a service hands to the pool and the store.
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    ],
    targets: [
        .target(name: "FedifyKv", swiftSettings: swiftSettings),
        .target(name: "FedifyKvTesting", dependencies: ["FedifyKv"], swiftSettings: swiftSettings),
        // Locks and lines of waiting work. A module of its own, and no product, because only what is public is
        // specialized for the modules that use it.
        .target(
            name: "Locking",
            dependencies: [.product(name: "DequeModule", package: "swift-collections")],
            swiftSettings: swiftSettings
        ),
        // MariaDB Connector/C: the client library for both servers.
        .systemLibrary(
            name: "CMariaDB",
            pkgConfig: "libmariadb",
            providers: [.apt(["libmariadb-dev"]), .brew(["mariadb-connector-c"])]
        ),
        // SHA-256 and RSA of our caching_sha2_password; Connector/C brings the library along already.
        .systemLibrary(
            name: "COpenSSL",
            pkgConfig: "libcrypto",
            providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]
        ),
        .target(
            name: "MySQLClient",
            dependencies: [
                "CMariaDB",
                "COpenSSL",
                "Locking",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "FedifyMySQL",
            dependencies: [
                "FedifyKv",
                "Locking",
                "MySQLClient",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "FedifyKvBench",
            dependencies: ["FedifyKv", .product(name: "Histogram", package: "hdrhistogram-swift")],
            swiftSettings: swiftSettings
        ),
        // What `fedify-kv pipe` reads and writes: a module of its own for the tests.
        .target(name: "FedifyKvPipe", dependencies: ["FedifyKv"], swiftSettings: swiftSettings),
        .executableTarget(
            name: "fedify-kv",
            dependencies: [
                "FedifyKv",
                "FedifyKvBench",
                "FedifyKvPipe",
                "FedifyMySQL",
                "MySQLClient",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "fedify-kv-demo",
            dependencies: ["FedifyKv", "FedifyMySQL", "MySQLClient"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "FedifyKvTests",
            dependencies: ["FedifyKv", "FedifyKvTesting"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "FedifyKvBenchTests",
            dependencies: ["FedifyKv", "FedifyKvBench", "COpenSSL"],
            swiftSettings: swiftSettings
        ),
        .testTarget(name: "LockingTests", dependencies: ["Locking"], swiftSettings: swiftSettings),
        // A server for tests that speaks as no server should.
        .target(
            name: "HostileServer", dependencies: ["Locking"], path: "Tests/HostileServer",
            swiftSettings: swiftSettings),
        .testTarget(
            name: "MySQLClientTests", dependencies: ["HostileServer", "Locking", "MySQLClient"],
            swiftSettings: swiftSettings),
        .testTarget(name: "FedifyMySQLTests", dependencies: ["FedifyMySQL"], swiftSettings: swiftSettings),
        // What must hold of any input: for the tests, on the corpus, and for the fuzzer.
        .target(
            name: "FuzzChecks",
            dependencies: ["FedifyKv", "FedifyKvPipe", "FedifyMySQL", "MySQLClient"],
            path: "Tests/FuzzChecks",
            swiftSettings: swiftSettings
        ),
        .testTarget(name: "FuzzTests", dependencies: ["FuzzChecks"], swiftSettings: swiftSettings),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "FedifyKv",
                "FedifyKvBench",
                "FedifyKvTesting",
                "FedifyMySQL",
                "HostileServer",
                "Locking",
                "MySQLClient",
                "fedify-kv",
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.copy("Fixtures")],
            swiftSettings: swiftSettings
        ),
    ] + fuzzer
)

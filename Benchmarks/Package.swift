// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "fedify-kv-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "fedify-kv-swift", path: ".."),
        // What the store's logger tells of the sweeper, for `upkeep`.
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    ],
    targets: [
        .systemLibrary(
            name: "CLibMariaDB",
            pkgConfig: "libmariadb",
            providers: [.apt(["libmariadb-dev"]), .brew(["mariadb-connector-c"])]
        ),
        .executableTarget(name: "c-limit", dependencies: ["CLibMariaDB"], cSettings: [.unsafeFlags(["-O2"])]),
        .target(name: "Support", swiftSettings: [.swiftLanguageMode(.v6)]),
        .executableTarget(name: "delay-proxy", cSettings: [.unsafeFlags(["-O2"])]),
        .executableTarget(
            name: "compare",
            dependencies: [
                "Support",
                "c-limit",
                "delay-proxy",
                .product(name: "FedifyKvBench", package: "fedify-kv-swift"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]
        ),
        .executableTarget(
            name: "upkeep",
            dependencies: [
                "Support",
                .product(name: "FedifyKv", package: "fedify-kv-swift"),
                .product(name: "FedifyKvBench", package: "fedify-kv-swift"),
                .product(name: "FedifyMySQL", package: "fedify-kv-swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "MySQLClient", package: "fedify-kv-swift"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]
        ),
    ]
)

// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "fedify-kv-benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "fedify-kv-swift", path: "..")],
    targets: [
        .systemLibrary(
            name: "CLibMariaDB",
            pkgConfig: "libmariadb",
            providers: [.apt(["libmariadb-dev"]), .brew(["mariadb-connector-c"])]
        ),
        .executableTarget(name: "c-limit", dependencies: ["CLibMariaDB"], cSettings: [.unsafeFlags(["-O2"])]),
        .executableTarget(
            name: "compare",
            dependencies: [
                "c-limit",
                .product(name: "FedifyKv", package: "fedify-kv-swift"),
                .product(name: "FedifyKvBench", package: "fedify-kv-swift"),
                .product(name: "FedifyMySQL", package: "fedify-kv-swift"),
                .product(name: "MySQLClient", package: "fedify-kv-swift"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]
        ),
    ]
)

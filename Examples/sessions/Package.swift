// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "sessions",
    platforms: [.macOS(.v15)],
    dependencies: [
        // The store, and the driver that makes Hummingbird keep its values there.
        .package(name: "fedify-kv-swift", path: "../..", traits: [.defaults, "Hummingbird"]),
        // The server.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.15.0"),
    ],
    targets: [
        .executableTarget(
            name: "sessions",
            dependencies: [
                .product(name: "FedifyMySQL", package: "fedify-kv-swift"),
                .product(name: "HummingbirdFedifyKv", package: "fedify-kv-swift"),
                .product(name: "Hummingbird", package: "hummingbird"),
            ]
        ),
        .testTarget(
            name: "SessionsTests",
            dependencies: ["sessions", .product(name: "HummingbirdTesting", package: "hummingbird")]
        ),
    ]
)

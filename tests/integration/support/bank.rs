//! The library's own door on a database: players, money and sessions for the tests to start
//! with come through it, so that every chain is right from its first row.

use std::sync::Arc;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use seamless_wallet::cache::Cache;
use seamless_wallet::core::{
    Action, Amount, Category, Command, Currency, GameId, Movement, PlayerId, PlayerStatus, Policy,
    ProviderId, Receipt, TokenHash, TxId,
};
use seamless_wallet::engine::Directly;
use seamless_wallet::engine::{Engine, EngineConfig};
use seamless_wallet::engine::{Wallet, WalletError};
use seamless_wallet::store::directory::{games, players, sessions};
use seamless_wallet::store::{DatabaseMonitor, Standby, connect_pool};
use tokio::time::Instant;
use uuid::Uuid;

use super::database::Database;

/// The bounds of an engine that a test drives itself.
pub const ENGINE: EngineConfig = EngineConfig {
    lanes: 1,
    batch_max: 64,
    queue_max: 4096,
    batch_timeout: Duration::from_secs(10),
};

/// A door without Redis.
pub struct Bank {
    /// The door.
    pub wallet: Arc<Wallet>,
    _monitor: DatabaseMonitor,
}

impl Bank {
    /// Opens one on that database.
    pub fn at(database: &Database) -> Self {
        let config = database.config();
        let (engine, _lanes) = Engine::start(ENGINE, &config, Arc::new(Directly)).expect("a URL");
        let monitor = DatabaseMonitor::start(&config, Standby::Refused).expect("a URL");
        let pool = connect_pool(&config, &monitor).expect("a URL");
        let wallet = Arc::new(Wallet::new(engine, pool, Cache::disabled()));
        Self { wallet, _monitor: monitor }
    }

    /// Opens a wallet in euro with that much in it.
    pub async fn open(&self, player: &str, balance: &str) {
        let (id, euro) = (player_id(player), Currency::parse("EUR").expect("a code"));
        players::open(self.wallet.pool(), &id, &euro).await.expect("a wallet");
        let amount = Amount::parse(balance, 6).expect("an amount");
        if amount > Amount::ZERO {
            self.move_money(player, Action::credit(amount), Category::Deposit).await;
        }
    }

    /// Freezes, closes or reopens a wallet.
    pub async fn set_status(&self, player: &str, status: PlayerStatus) {
        self.move_money(player, Action::Note(Some(status)), Category::Status).await;
    }

    /// Stores a launch token.
    pub async fn session(&self, token: &str, player: &str, provider: &str, seconds: i64) {
        self.issue(token, player, provider, None, seconds).await;
    }

    /// A launch token for one game alone.
    pub async fn session_for(&self, token: &str, player: &str, provider: &str, game: &str) {
        self.issue(token, player, provider, Some(game), 3600).await;
    }

    async fn issue(
        &self,
        token: &str,
        player: &str,
        provider: &str,
        game: Option<&str>,
        seconds: i64,
    ) {
        let session = sessions::NewSession {
            token: TokenHash::of(token),
            player: player_id(player),
            provider: ProviderId::parse(provider).expect("a slug"),
            game: game.map(|game| GameId::parse(game).expect("an id")),
            expires_at: Utc::now() + TimeDelta::seconds(seconds),
        };
        let issued = sessions::issue(self.wallet.pool(), &session).await.expect("a session");
        assert_eq!(issued, sessions::Issued::Done);
    }

    /// Switches a game on or off.
    pub async fn switch_game(&self, provider: &str, game: &str, enabled: bool) {
        let provider = ProviderId::parse(provider).expect("a slug");
        let game = GameId::parse(game).expect("an id");
        games::switch(self.wallet.pool(), &provider, &game, enabled).await.expect("a game");
    }

    /// Executes a command with time enough.
    pub async fn execute(&self, command: Command) -> Result<Receipt, WalletError> {
        self.wallet.execute(command, Instant::now() + Duration::from_secs(20)).await
    }

    async fn move_money(&self, player: &str, action: Action, category: Category) {
        let tx_id = TxId::parse(Uuid::now_v7().to_string()).expect("an id");
        let command = Command {
            provider: ProviderId::parse("operator").expect("a slug"),
            player: player_id(player),
            currency: None,
            token: None,
            game: None,
            round: None,
            movements: vec![Movement { tx_id, action, category, detail: None }],
            policy: Policy::PERMISSIVE,
            occurred_at: None,
        };
        let receipt = self.execute(command).await.expect("a receipt");
        assert_eq!(receipt.refusal(), None, "{receipt:?}");
    }
}

/// A player's id that is known to be one.
pub fn player_id(player: &str) -> PlayerId {
    PlayerId::parse(player).expect("an id")
}

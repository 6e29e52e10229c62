"""What a model card cites: the paper of every model."""

CITATIONS = {
    "flmn": 'Mureja, Park and Yoo, "Meta-Learning via Feature-Label Memory Network", 2017',
    "mann": 'Santoro, Bartunov, Botvinick, Wierstra and Lillicrap, "Meta-Learning with '
    'Memory-Augmented Neural Networks", 2016',
    "ntm": 'Graves, Wayne and Danihelka, "Neural Turing Machines", 2014',
    "lstm": 'Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; the baseline of Santoro '
    'et al., "Meta-Learning with Memory-Augmented Neural Networks", 2016',
    "matching": 'Vinyals, Blundell, Lillicrap, Kavukcuoglu and Wierstra, "Matching Networks for One '
    'Shot Learning", 2016',
    "prototypical": 'Snell, Swersky and Zemel, "Prototypical Networks for Few-shot Learning", 2017',
    "siamese": 'Koch, Zemel and Salakhutdinov, "Siamese Neural Networks for One-shot Image '
    'Recognition", 2015; here on the network of Vinyals et al., 2016',
    "classifier": "the baseline classifier of Vinyals et al., 2016",
    "pixels": "the first row of Vinyals et al., 2016",
    "rare_events": 'Kaiser, Nachum, Roy and Bengio, "Learning to Remember Rare Events", 2017',
    "gaussian_memory": 'Tseran and Harada, "Memory Augmented Neural Network with Gaussian Embeddings '
    'for One-Shot Learning", 2018',
    "lstm_lm": 'Zaremba, Sutskever and Vinyals, "Recurrent Neural Network Regularization", 2014; the '
    'oracle of Vinyals et al., "Matching Networks for One Shot Learning", 2016, section 4.1.3',
    "maml": 'Finn, Abbeel and Levine, "Model-Agnostic Meta-Learning for Fast Adaptation of Deep '
    'Networks", 2017',
    "anil": 'Raghu, Raghu, Bengio and Vinyals, "Rapid Learning or Feature Reuse? Towards '
    'Understanding the Effectiveness of MAML", 2020',
    "meta_sgd": 'Li, Zhou, Chen and Li, "Meta-SGD: Learning to Learn Quickly for Few-Shot Learning", '
    "2017",
    "reptile": 'Nichol, Achiam and Schulman, "On First-Order Meta-Learning Algorithms", 2018',
    "meta_lstm": 'Ravi and Larochelle, "Optimization as a Model for Few-Shot Learning", 2017',
    "meta_networks": 'Munkhdalai and Yu, "Meta Networks", 2017',
    "mmnet": 'Cai, Pan, Yao, Yan and Mei, "Memory Matching Networks for One-Shot Image '
    'Recognition", 2018',
}
